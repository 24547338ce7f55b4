//! A host, as Perfetto shows it: a thread with the slices of what happens there.
use super::event::{TraceEvent, TraceFile, micros, phase};
use std::io::Write;
use std::mem;
use std::time::Duration;

/// The longest slice of something that takes no time: long enough to be seen and hit, and cut short where the next
/// begins, because slices of one thread may not overlap.
pub(super) const BRIEF: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Thread {
    pub(super) pid: u32,
    pub(super) tid: u32,
    /// When `brief` happened: slices of one instant, not written yet, because the next instant ends them.
    at: Duration,
    brief: Vec<Brief>,
    /// A slice for its power has begun.
    down: bool,
}

/// Something that takes no time.
#[derive(Debug)]
pub(super) struct Brief {
    pub(super) name: String,
    pub(super) cat: &'static str,
    pub(super) arrow: Option<Arrow>,
}

/// Which arrow begins or ends at a slice.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrow {
    Begins(u64),
    Ends(u64),
}

impl Thread {
    pub(super) fn new(pid: u32, tid: u32) -> Self {
        Self { pid, tid, at: Duration::ZERO, brief: Vec::new(), down: false }
    }

    /// Something happens there.
    pub(super) fn happens<W: Write>(&mut self, at: Duration, brief: Brief, file: &mut TraceFile<W>) {
        if self.at < at {
            self.goes_on(at, file);
        }
        self.brief.push(brief);
    }

    /// Begins the slice of a machine that does nothing.
    pub(super) fn is_down<W: Write>(&mut self, at: Duration, why: &str, file: &mut TraceFile<W>) {
        self.down = true;
        self.write_power(at, phase::BEGIN, why, file);
    }

    /// Ends that slice, if there is one.
    pub(super) fn is_up<W: Write>(&mut self, at: Duration, file: &mut TraceFile<W>) {
        if mem::take(&mut self.down) {
            self.write_power(at, phase::END, "", file);
        }
    }

    fn write_power<W: Write>(&self, at: Duration, ph: &'static str, name: &str, file: &mut TraceFile<W>) {
        let (ts, pid, tid) = (micros(at), self.pid, self.tid);
        file.write(&TraceEvent { name, cat: "power", ph, ts, pid, tid, ..TraceEvent::default() });
    }

    /// Comes to its next instant: writes the slices that waited for it. Those of one instant share its room side by side: a
    /// batch one above the other would fill the screen. Where an arrow begins the slice has all the room, around the others,
    /// since an arrow may not begin later than it did.
    pub(super) fn goes_on<W: Write>(&mut self, next: Duration, file: &mut TraceFile<W>) {
        let (pid, tid) = (self.pid, self.tid);
        let since = mem::replace(&mut self.at, next);
        let room = next.saturating_sub(since).min(BRIEF);
        let begins = |brief: &Brief| matches!(brief.arrow, Some(Arrow::Begins(_)));
        self.brief.sort_by_key(|brief| !begins(brief));
        let around = self.brief.iter().take_while(|brief| begins(brief)).count();
        let share = room / (self.brief.len() - around).max(1) as u32;
        for (place, Brief { name, cat, arrow }) in self.brief.drain(..).enumerate() {
            let (at, dur) = match place.checked_sub(around) {
                Some(inner) => (since + share * inner as u32, share),
                None => (since, room),
            };
            let (ts, dur) = (micros(at), Some(micros(dur)));
            let slice =
                TraceEvent { name: &name, cat, ph: phase::COMPLETE, ts, dur, pid, tid, ..TraceEvent::default() };
            file.write(&slice);
            let Some(arrow) = arrow else { continue };
            let (ph, id, bp) = match arrow {
                Arrow::Begins(id) => (phase::ARROW_BEGINS, id, None),
                Arrow::Ends(id) => (phase::ARROW_ENDS, id, Some("e")),
            };
            file.write(&TraceEvent { name: cat, ph, id: Some(id), bp, dur: None, ..slice });
        }
    }
}
