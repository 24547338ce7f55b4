//! What a client's task waits for: its wires, the time that it has set, and to be told to stop.
use crate::host::{BoxFuture, Host};
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

/// What came first.
pub(crate) enum First<T> {
    /// Its host has been asked to stop. That comes once.
    Stop,
    /// Something on its wires.
    Wires(T),
    /// The time that it has set.
    Time,
}

/// One task's wait.
pub(crate) struct Waiting {
    host: Host,
    /// `None`: it has been told.
    stopping: Option<BoxFuture<'static, ()>>,
    timer: Option<(Duration, BoxFuture<'static, ()>)>,
}

impl Waiting {
    pub(crate) fn of(host: &Host) -> Self {
        Self { host: host.clone(), stopping: Some(host.stopping()), timer: None }
    }

    /// Waits for the first of all that can happen; when several have, in the order of [`First`]. It may be the time
    /// before `due` is reached: one that was set earlier is not set anew with every packet, and fires for nothing.
    pub(crate) async fn next<T>(
        &mut self,
        due: Option<Duration>,
        mut wires: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> First<T> {
        if due.is_none_or(|due| self.timer.as_ref().is_none_or(|(at, _)| due < *at)) {
            self.timer = due.map(|at| (at, self.host.sleep_until(at)));
        }
        poll_fn(|cx| {
            if let Some(asked) = &mut self.stopping
                && asked.as_mut().poll(cx).is_ready()
            {
                self.stopping = None;
                return Poll::Ready(First::Stop);
            }
            if let Poll::Ready(happened) = wires(cx) {
                return Poll::Ready(First::Wires(happened));
            }
            let Some((_, timer)) = &mut self.timer else { return Poll::Pending };
            let time = timer.as_mut().poll(cx);
            if time.is_ready() {
                self.timer = None;
            }
            time.map(|()| First::Time)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::sim;
    use crate::history::{Entry, History, Roster, Witness};
    use lizard_sim::{Fault, Stage, World};
    use std::sync::{Arc, Mutex, mpsc};

    struct Deaf;
    impl Witness for Deaf {
        fn see(&mut self, _: &Entry) {}
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What a task was told, each with its second. It asks its wires for `happens` more things.
    async fn told(host: &Host, waiting: &mut Waiting, due: Option<Duration>, happens: &mut u32) -> (char, u64) {
        let first = waiting.next(due, |_| match happens.checked_sub(1) {
            Some(left) => {
                *happens = left;
                Poll::Ready(())
            }
            None => Poll::Pending,
        });
        let what = match first.await {
            First::Stop => 's',
            First::Wires(()) => 'w',
            First::Time => 't',
        };
        (what, host.now().as_secs())
    }

    /// Runs a task on a machine that is asked to stop at 5 s; answers what it came to.
    fn play<Fut>(task: impl Fn(Host) -> Fut + Send + Clone + 'static) -> Vec<(char, u64)>
    where
        Fut: Future<Output = Vec<(char, u64)>> + Send + 'static,
    {
        let run = World::new(1).run(move |stage: Stage| async move {
            let history = History::new(Arc::new(Roster::default()), Arc::new(Mutex::new(Deaf)));
            let (tell, came_to) = mpsc::channel();
            stage.host("xyz", "field", move |machine| {
                let (tell, running) = (tell.clone(), task(sim::host(machine, history.clone())));
                async move { drop(tell.send(running.await)) }
            });
            stage.sleep(s(5)).await;
            stage.apply(Fault::Stop { host: "xyz".into() });
            stage.sleep(s(20)).await;
            came_to.try_recv().expect("the task came to its end")
        });
        run.expect("a sound world").value
    }

    #[test]
    fn of_all_that_has_happened_the_order_to_stop_comes_first_and_once_then_the_wires_then_the_time() {
        let told = play(|host| async move {
            let (mut waiting, mut happens) = (Waiting::of(&host), 2);
            host.sleep(s(6)).await;
            let mut all = Vec::new();
            for _ in 0..4 {
                all.push(told(&host, &mut waiting, Some(s(2)), &mut happens).await);
            }
            all
        });
        assert_eq!(told, [('s', 6), ('w', 6), ('w', 6), ('t', 6)]);
    }

    #[test]
    fn an_earlier_time_is_kept_and_a_sooner_one_is_set() {
        let told = play(|host| async move {
            let (mut waiting, mut happens) = (Waiting::of(&host), 1);
            let mut all = Vec::new();
            for due in [s(1), s(3), s(3), s(60)] {
                all.push(told(&host, &mut waiting, Some(due), &mut happens).await);
            }
            all
        });
        // Nothing is due any more at 1 s: it looks, and waits again.
        assert_eq!(told, [('w', 0), ('t', 1), ('t', 3), ('s', 5)]);
    }
}
