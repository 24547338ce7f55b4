//! Central as software: reads every hub's feed and hands what it reads to the application.
use super::application::{Application, Door};
use super::control::Control;
use super::couriers::Couriers;
use super::link::Link;
use crate::history::{Cause, Event, Name};
use crate::host::Host;
use crate::iot::hub::Batch;
use crate::iot::plan::{CONTROL_PORT, CentralPlan};
use crate::wire::http::{self, Client, HttpError, Response};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// So long a hub holds a request back while it has nothing new.
const WAIT: Duration = Duration::from_secs(10);
/// So much longer central waits for the answer: a batch of full-size messages over a bad link takes its time.
const TIME_OUT: Duration = Duration::from_secs(20);
/// A hub that did not answer is asked again after this long.
const RETRY: Duration = Duration::from_secs(1);
/// A disk that fails at the start is tried again after this long.
const START_RETRY: Duration = Duration::from_secs(1);

/// Runs central until the host is asked to stop: reads each hub's feed (`GET /messages/events`) and
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
    let (application, door) = loop {
        match Application::open(host.clone(), plan.clone()).await {
            Ok(opened) => break opened,
            Err(error) => host.record(Event::Note { text: format!("cannot read what was received: {error}") }),
        }
        host.sleep(START_RETRY).await;
    };
    for (hub, from) in application.offsets(hubs) {
        host.spawn(Reader::new(host.clone(), hub, door.clone()).read_for_ever(from));
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

/// Reads one hub.
struct Reader {
    host: Host,
    hub: Name,
    client: Client,
    link: Option<Link>,
    door: Door,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("status {0}")]
    Status(u16),
    #[error("not a batch: {0}")]
    Shape(#[from] serde_json::Error),
}

impl Reader {
    fn new(host: Host, hub: Name, door: Door) -> Self {
        let client = Client::new(host.clone(), hub.clone(), CONTROL_PORT, WAIT + TIME_OUT);
        let name = Link::client_name(host.name(), &hub);
        let known = host.history().roster().clients.iter().any(|client| *client.name == *name);
        let link = known.then(|| Link::new(host.name(), &hub, host.boot()));
        Self { host, hub, client, link, door }
    }

    async fn read_for_ever(mut self, mut from: u64) {
        loop {
            self.tell(|link| link.asks());
            match self.read(from).await {
                Ok(batch) => {
                    self.tell(Link::answered);
                    match self.door.hand_over(&self.hub, from, batch).await {
                        Some(next) => from = next,
                        None => return,
                    }
                }
                Err(error) => {
                    self.tell(|link| Some(link.failed(cause(&error), error.to_string())));
                    self.host.sleep(RETRY).await;
                }
            }
        }
    }

    async fn read(&mut self, from: u64) -> Result<Batch, ReadError> {
        let target = format!("/messages/events?from={from}&wait={}s", WAIT.as_secs());
        let answer: Response = self.client.request("GET", &target, "").await?;
        if !answer.is_success() {
            return Err(ReadError::Status(answer.status));
        }
        Ok(answer.read()?)
    }

    fn tell(&mut self, what: impl FnOnce(&mut Link) -> Option<Event>) {
        if let Some(event) = self.link.as_mut().and_then(what) {
            self.host.record(event);
        }
    }
}

fn cause(error: &ReadError) -> Cause {
    match error {
        ReadError::Http(HttpError::TimedOut(_)) => Cause::TimeOut,
        ReadError::Http(HttpError::Connect(error)) => match error.kind() {
            io::ErrorKind::TimedOut => Cause::TimeOut,
            _ => Cause::Reset,
        },
        ReadError::Http(HttpError::Failed(error)) if error.is_incomplete_message() => Cause::Eof,
        ReadError::Http(HttpError::Failed(_) | HttpError::Body(_)) => Cause::Reset,
        ReadError::Http(HttpError::BadRequest(_)) | ReadError::Status(_) | ReadError::Shape(_) => Cause::Protocol,
    }
}
