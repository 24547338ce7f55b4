//! A broker's tasks: one per connection, one per socket, one for the disk, one for the clock, one for each other region.
use super::courier;
use super::gate;
use super::input::Input;
use super::machine::{Broker, Settings};
use super::switchboard::Switchboard;
use crate::history::Event;
use crate::host::{Host, Task};
use crate::ledger::Ledger;
use crate::streams::plan::{BrokerPlan, PORT};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a broker waits before it uses its disk again when it could not.
const DISK_RETRY: Duration = Duration::from_secs(1);

/// Runs a broker until its host stops: then what it has taken is stored, and every socket closed.
///
/// `api_key` opens everything, and with it the brokers of several regions know one another.
pub async fn broker(host: Host, plan: BrokerPlan, api_key: String) {
    let (mut ledger, records) = remembered(&host).await;
    let listener = match host.listen(PORT) {
        Ok(listener) => listener,
        Err(error) => return host.record(Event::Note { text: format!("broker cannot start: {error}") }),
    };
    let settings = Settings::new(plan.clone(), host.boot(), host.history().roster());
    let broker = Broker::remember(settings, host.now(), &records);
    drop(records);
    let (pages, inboxes): (BTreeMap<_, _>, Vec<_>) = plan
        .others
        .iter()
        .map(|other| {
            let (pages, inbox) = mpsc::unbounded_channel();
            ((other.clone(), pages), (other.clone(), inbox))
        })
        .unzip();
    let board = Arc::new(Switchboard::new(host.clone(), &plan, api_key, broker, pages));
    let mut tasks = vec![host.spawn(gate::serve(board.clone(), listener)), host.spawn(keep_time(board.clone()))];
    tasks.extend(inboxes.into_iter().map(|(to, inbox)| host.spawn(courier::bring(board.clone(), to, inbox))));
    // What it has to say from before it was asked anything.
    board.handle(Input::Tick);

    let mut writing = pin!(write(&board, &mut ledger));
    let mut stopping = pin!(host.stopping());
    poll_fn(|cx| {
        let _ = writing.as_mut().poll(cx);
        stopping.as_mut().poll(cx)
    })
    .await;

    tasks.into_iter().for_each(Task::abort);
    board.handle(Input::Stop);
    poll_fn(|cx| {
        let _ = writing.as_mut().poll(cx);
        if board.with(|broker| broker.is_idle()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    board.dismiss_all().await;
}

/// Reads the broker's ledger, however long the disk refuses.
async fn remembered(host: &Host) -> (Ledger, Vec<Vec<u8>>) {
    loop {
        if let Ok(remembered) = Ledger::open(host.disk(), "broker").await {
            return remembered;
        }
        host.sleep(DISK_RETRY).await;
    }
}

/// Tells the broker the times that it asks for; sleeps as long as there is none.
async fn keep_time(board: Arc<Switchboard>) {
    loop {
        match board.arm() {
            None => board.rung().await,
            Some(at) => {
                let mut timer = pin!(board.host().sleep_until(at));
                let mut rung = pin!(board.rung());
                poll_fn(|cx| match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(()),
                    Poll::Pending => rung.as_mut().poll(cx),
                })
                .await;
            }
        }
        board.tell_who_left();
        board.handle(Input::Tick);
    }
}

/// Writes whatever the broker wants written, for ever.
async fn write(board: &Switchboard, ledger: &mut Ledger) {
    loop {
        board.until_to_write().await;
        while let Some(records) = board.with(Broker::begin_commit) {
            let written = if records.is_empty() { Ok(()) } else { ledger.append(&records).await };
            board.handle(if written.is_ok() { Input::Stored } else { Input::StoreFailed });
            if written.is_err() {
                // A full disk fails at once, and would be asked again at once.
                board.host().sleep(DISK_RETRY).await;
            }
            if let Some(summary) = board.with(|broker| broker.snapshot(ledger.appended())) {
                // When it fails the ledger tries again by itself.
                let _ = ledger.replace(&summary).await;
            }
        }
    }
}
