//! Central as software: its readers, its application, its control plane.
use super::application::Application;
use super::control::Control;
use super::couriers::Couriers;
use super::feed::Recogniser;
use super::reader::Reader;
use crate::history::{Event, Name};
use crate::host::Host;
use crate::iot::plan::{CONTROL_PORT, CentralPlan};
use crate::wire::http;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// A disk that fails at the start is tried again after this long.
const START_RETRY: Duration = Duration::from_secs(1);

/// Runs central until the host is asked to stop: hears each hub's feed (`GET /messages/events`) and
/// receives every message exactly once. See [`intake`](super::intake) for what that means, and for what
/// can be said of their order. What operators ask for on [`CONTROL_PORT`] is on its disk before it is accepted, and
/// brought to whichever hub has the device; see [`errands`](super::errands).
///
/// `hubs` are host names. Links to hubs are told of in the history only if the roster has clients named
/// `central->hub-a`.
pub async fn central(host: Host, plan: CentralPlan, hubs: Vec<Name>) {
    let mut stopping = host.stopping();
    let mut running = pin!(run(&host, &plan, &hubs));
    poll_fn(|cx| match stopping.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => running.as_mut().poll(cx),
    })
    .await;
}

async fn run(host: &Host, plan: &CentralPlan, hubs: &[Name]) {
    let recogniser = Arc::new(Recogniser::new(host.history().roster()));
    let (application, door) = loop {
        match Application::open(host.clone(), plan.clone(), recogniser.clone()).await {
            Ok(opened) => break opened,
            Err(error) => host.record(Event::Note { text: format!("cannot read what was received: {error}") }),
        }
        host.sleep(START_RETRY).await;
    };
    for (hub, from) in application.offsets(hubs) {
        host.spawn(Reader::new(host.clone(), hub, recogniser.clone(), door.clone()).read_for_ever(from));
    }
    let couriers = Couriers::new(host.clone(), hubs);
    let control = Control { host: host.clone(), door: door.clone(), couriers: couriers.clone() };
    let on = host.clone();
    host.spawn(async move {
        if let Err(error) = http::serve(on.clone(), CONTROL_PORT, move |request| control.answer(request)).await {
            on.record(Event::Note { text: format!("control plane ended: {error}") });
        }
    });
    application.work(couriers, door).await;
}
