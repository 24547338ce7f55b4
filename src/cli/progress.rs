//! How far a hunt or a shrinking has come, on stderr: a bar where somebody watches, plain lines where not.
use super::output::remark;
use crate::run::hunt::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// Between two plain lines: often enough to see that it lives, seldom enough for a log.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Tells how far it has come.
pub(super) struct ProgressLine {
    began: Instant,
    limit: Option<Duration>,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Instant },
}

impl ProgressLine {
    /// Begins to tell. `limit`: after this time no further seed is begun.
    pub(super) fn new(total: Option<u64>, limit: Option<Duration>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the command line lives in real time")]
        let began = Instant::now();
        let shown = if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
            let style = if total.is_some() { "  {bar:28} {percent:>3} %  {msg}" } else { "  {spinner} {msg}" };
            bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
            Shown::Bar(bar)
        } else {
            Shown::Lines { last: began }
        };
        Self { began, limit, shown }
    }

    /// How long it has been telling.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Tells of one more seed.
    pub(super) fn tell(&mut self, progress: Progress) {
        let (elapsed, limit) = (self.elapsed(), self.limit);
        self.show(progress.tried, || in_words(progress, elapsed, limit));
    }

    /// Tells how much is done, and more in words.
    pub(super) fn show(&mut self, done: u64, words: impl FnOnce() -> String) {
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_message(words());
                bar.set_position(done);
            }
            Shown::Lines { last } if last.elapsed() >= BETWEEN_LINES => {
                *last += last.elapsed();
                remark(&words());
            }
            Shown::Lines { .. } => {}
        }
    }

    /// Says something between two looks at the bar.
    pub(super) fn say(&self, words: &str) {
        self.aside(|| remark(words));
    }

    /// Does something that writes to the terminal.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(write),
            Shown::Lines { .. } => write(),
        }
    }

    /// Takes the bar away: the result follows.
    pub(super) fn end(self) {
        if let Shown::Bar(bar) = self.shown {
            bar.finish_and_clear();
        }
    }
}

/// `1,200 of 2,000 seeds, 98/s, 3 failed, 8s left`
fn in_words(progress: Progress, elapsed: Duration, limit: Option<Duration>) -> String {
    let Progress { tried, total, failed } = progress;
    let rate = tried as f64 / elapsed.as_secs_f64().max(1e-3);
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    let by_count = total.map(|total| Duration::from_secs_f64(total.saturating_sub(tried) as f64 / rate.max(1e-6)));
    let by_time = limit.map(|limit| limit.saturating_sub(elapsed));
    let left = by_count.into_iter().chain(by_time).min();
    let left = left.map(|left| format!(", {} left", humantime::format_duration(Duration::from_secs(left.as_secs()))));
    format!("{tried}{of} seeds, {rate:.0}/s, {failed} failed{}", left.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_whichever_limit_is_nearer() {
        let told = |total, limit: Option<u64>| {
            let progress = Progress { tried: 1000, total, failed: 3 };
            in_words(progress, Duration::from_secs(10), limit.map(Duration::from_secs))
        };
        assert_eq!(told(Some(3000), None), "1000 of 3000 seeds, 100/s, 3 failed, 20s left");
        assert_eq!(told(Some(3000), Some(15)), "1000 of 3000 seeds, 100/s, 3 failed, 5s left");
        assert_eq!(told(None, Some(600)), "1000 seeds, 100/s, 3 failed, 9m 50s left");
        assert_eq!(told(None, None), "1000 seeds, 100/s, 3 failed");
    }
}
