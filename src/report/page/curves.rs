//! Numbers over time, of every message: what the charts draw.
use crate::custody::Histogram;
use serde::Serialize;
use std::time::Duration;

/// Most points of a curve; with more, two become one. Wider than any screen is of no use.
const MOST_POINTS: usize = 1200;

/// The width of a point in a short run.
const NARROWEST: Duration = Duration::from_secs(1);

/// What happened in one stretch of time.
#[derive(Clone, Debug, Default)]
struct Point {
    latency: Histogram,
    backlog: u64,
    lost: u64,
    again: u64,
}

/// Points side by side from the beginning on.
#[derive(Clone, Debug)]
pub(super) struct Curves {
    width: Duration,
    points: Vec<Point>,
    /// What was open when the last point that is there ended.
    backlog: u64,
}

/// The curves as the page has them. `null`: nothing was received in that time.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Drawn {
    /// Seconds.
    width: f64,
    /// Milliseconds from offered to first received, at the time of receipt: half are no longer, and the longest.
    half: Vec<Option<f64>>,
    longest: Vec<Option<f64>>,
    /// Most that was offered, or confirmed, and not received yet.
    backlog: Vec<u64>,
    /// Sessions lost, and clients that had one again.
    lost: Vec<u64>,
    again: Vec<u64>,
}

impl Curves {
    pub(super) fn new() -> Self {
        Self { width: NARROWEST, points: Vec::new(), backlog: 0 }
    }

    /// A message was received for the first time by a destination.
    pub(super) fn received(&mut self, at: Duration, took: Duration) {
        self.at(at).latency.record(took);
    }

    /// So many messages are owed from now on.
    pub(super) fn owed(&mut self, at: Duration, count: u64) {
        if count != self.backlog {
            let point = self.at(at);
            point.backlog = point.backlog.max(count);
            self.backlog = count;
        }
    }

    pub(super) fn lost_a_session(&mut self, at: Duration) {
        self.at(at).lost += 1;
    }

    /// A client has a session, `again` after it had lost one.
    pub(super) fn connected(&mut self, at: Duration, again: bool) {
        self.at(at).again += u64::from(again);
    }

    fn at(&mut self, at: Duration) -> &mut Point {
        let index = |width: Duration| (at.as_nanos() / width.as_nanos()) as usize;
        while index(self.width) >= MOST_POINTS {
            self.width *= 2;
            let halves = std::mem::take(&mut self.points);
            self.points = halves.chunks(2).map(joined).collect();
        }
        let index = index(self.width);
        while self.points.len() <= index {
            self.points.push(Point { backlog: self.backlog, ..Point::default() });
        }
        &mut self.points[index]
    }

    /// Draws them up to the end.
    pub(super) fn finish(mut self, end: Duration) -> Drawn {
        self.at(end);
        let milliseconds = |at: Duration| (at.as_micros() as f64 / 100.0).round() / 10.0;
        let latency = |of: fn(crate::custody::Percentiles) -> Duration| -> Vec<Option<f64>> {
            let points = self.points.iter();
            points.map(|point| point.latency.percentiles().map(|found| milliseconds(of(found)))).collect()
        };
        Drawn {
            width: self.width.as_secs_f64(),
            half: latency(|found| found.p50),
            longest: latency(|found| found.max),
            backlog: self.points.iter().map(|point| point.backlog).collect(),
            lost: self.points.iter().map(|point| point.lost).collect(),
            again: self.points.iter().map(|point| point.again).collect(),
        }
    }
}

fn joined(halves: &[Point]) -> Point {
    let mut whole = Point::default();
    for half in halves {
        whole.latency.absorb(&half.latency);
        whole.backlog = whole.backlog.max(half.backlog);
        whole.lost += half.lost;
        whole.again += half.again;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_what_happened_in_its_second_and_a_backlog_lasts_until_it_changes() {
        let (second, ms) = (Duration::from_secs, Duration::from_millis);
        let mut curves = Curves::new();
        curves.owed(ms(500), 3);
        curves.received(ms(600), ms(40));
        curves.received(ms(700), ms(900));
        curves.owed(ms(700), 1);
        curves.lost_a_session(second(3));
        curves.owed(ms(4100), 0);
        let drawn = curves.finish(second(5));
        assert_eq!(drawn.backlog, [3, 1, 1, 1, 1, 0]);
        assert_eq!((drawn.longest[0], drawn.longest[1]), (Some(900.0), None));
        assert!(drawn.half[0].is_some_and(|half| (39.0..=40.0).contains(&half)));
        assert_eq!((drawn.lost[3], drawn.again.iter().sum::<u64>()), (1, 0));
    }

    #[test]
    fn a_long_run_has_no_more_points_and_loses_nothing() {
        let mut curves = Curves::new();
        for second in 0..100_000 {
            curves.received(Duration::from_secs(second), Duration::from_millis(second % 1000));
            curves.connected(Duration::from_secs(second), true);
        }
        let drawn = curves.finish(Duration::from_secs(100_000));
        assert!(drawn.again.len() <= MOST_POINTS && drawn.again.len() > MOST_POINTS / 2);
        assert_eq!(drawn.again.iter().sum::<u64>(), 100_000);
        assert_eq!(drawn.longest[0], Some(127.0));
        assert_eq!(drawn.width, 128.0);
    }
}
