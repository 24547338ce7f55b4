//! Where the one task that decides gets its letters.
use crate::host::Host;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Waits for letters, or until `due` for none (an empty batch). Takes what has come by then, at most `most`, so that one
/// sync of the disk serves all of it. `None`: no more will come.
pub(crate) async fn next_batch<L>(
    host: &Host,
    letters: &mut UnboundedReceiver<L>,
    due: Option<Duration>,
    most: usize,
) -> Option<Vec<L>> {
    let first = match due {
        None => Some(letters.recv().await?),
        Some(due) => {
            let mut timer = host.sleep_until(due);
            poll_fn(|cx| match letters.poll_recv(cx) {
                Poll::Ready(letter) => Poll::Ready(letter.map(Some)),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| Some(None)),
            })
            .await?
        }
    };
    let mut batch: Vec<L> = first.into_iter().collect();
    while batch.len() < most
        && let Ok(letter) = letters.try_recv()
    {
        batch.push(letter);
    }
    Some(batch)
}
