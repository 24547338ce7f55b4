//! A visitor: something that is done once, on a host of its own, in whatever world a test plays in.
use giant_lizard::engines::sim;
use giant_lizard::history::History;
use giant_lizard::host::Host;
use lizard_sim::Stage;
use std::future::Future;
use std::sync::{Arc, Mutex};

/// Lets a visitor act, and waits until it is done.
pub(crate) async fn visit<F, Fut, T>(stage: Stage, history: &History, name: &str, act: F) -> T
where
    F: Fn(Host) -> Fut + 'static,
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (done, value) = tokio::sync::oneshot::channel();
    let (done, history) = (Arc::new(Mutex::new(Some(done))), history.clone());
    stage.host(name, "north", move |machine| {
        // Taken before anything happens: when the visitor panics, whoever waits learns of it.
        let (act, done) = (act(sim::host(machine, history.clone())), done.lock().unwrap().take());
        async move {
            let value = act.await;
            if let Some(done) = done {
                let _ = done.send(value);
            }
        }
    });
    value.await.expect("the visitor came to its end")
}
