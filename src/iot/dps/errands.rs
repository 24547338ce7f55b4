//! Runs errands to the hubs, over each hub's control plane.
use super::desk::{Letter, LetterBox};
use super::placement::{Errand, ErrandKind};
use crate::history::Name;
use crate::host::Host;
use crate::iot::plan::CONTROL_PORT;
use crate::wire::http::Pool;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;
use std::time::Duration;

/// A hub that does not answer an errand by then is asked again later.
const TIME_OUT: Duration = Duration::from_secs(5);
/// So many errands run to one hub at once: a thousand devices that fail over are registered within a
/// few seconds, and a hub is not flooded.
const LANES: usize = 8;

/// Couriers to every hub, in file order.
#[derive(Clone)]
pub(super) struct Couriers {
    host: Host,
    desk: LetterBox,
    hubs: Arc<Vec<Pool>>,
}

impl Couriers {
    pub(super) fn new(host: Host, desk: LetterBox, hubs: &[Name]) -> Self {
        let pool = |hub: &Name| Pool::new(host.clone(), hub.clone(), CONTROL_PORT, TIME_OUT, LANES);
        let hubs = Arc::new(hubs.iter().map(pool).collect());
        Self { host, desk, hubs }
    }

    /// Sends a courier off; the desk will hear how it went.
    pub(super) fn send(&self, device: Name, errand: Errand) {
        let couriers = self.clone();
        self.host.spawn(async move {
            let carried_out = couriers.run(&device, errand).await;
            couriers.desk.drop(Letter::Done(device, carried_out));
        });
    }

    async fn run(&self, device: &str, errand: Errand) -> bool {
        let method = match errand.kind {
            ErrandKind::Register => "PUT",
            ErrandKind::Remove => "DELETE",
        };
        let answer = self.hubs[errand.hub.0].request(method, &target(device, errand.generation), "").await;
        match (answer, errand.kind) {
            (Ok(answer), _) if answer.is_success() => true,
            // There is nothing left to remove, or only a registration newer than this removal.
            (Ok(answer), ErrandKind::Remove) => matches!(answer.status, 404 | 412),
            _ => false,
        }
    }
}

/// A hub that keeps generations carries out a registration only above the last removal, and a removal
/// only of registrations up to its own: what was long under way cannot undo what came after it.
fn target(device: &str, generation: u64) -> String {
    format!("/devices/{}?generation={generation}", utf8_percent_encode(device, NON_ALPHANUMERIC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http::Request;

    #[test]
    fn a_device_with_odd_letters_is_one_path_segment() {
        let request = Request::new("PUT", &target("a/b:c", 3), "", "dps".into()).unwrap();
        assert_eq!(request.segments(), ["devices", "a/b:c"]);
        assert_eq!(request.query["generation"], "3");
    }
}
