//! Whether the other side still lives.
use std::time::Duration;

/// A client's half of a keep-alive, as MQTT has it (OASIS MQTT 3.1.1, section 3.1.2.10) and as WebSocket's pings allow
/// (RFC 6455, section 5.5.2): it pings when it has not sent or not heard anything for one interval, and takes the
/// connection for dead when it has heard no byte for one and a half.
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    interval: Duration,
    sent: Duration,
    heard: Duration,
    /// A ping that was not answered yet.
    pinged: bool,
}

/// What a look at the clock comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// Nothing to do yet.
    Quiet,
    /// Send a ping.
    Ping,
    /// Nothing was heard for too long.
    Dead,
}

impl KeepAlive {
    /// Begins with a connection that lives. `interval`: of MQTT, the keep-alive of its CONNECT.
    pub fn new(interval: Duration, now: Duration) -> Self {
        Self { interval, sent: now, heard: now, pinged: false }
    }

    /// Notes that something was sent.
    pub fn sent(&mut self, now: Duration) {
        self.sent = now;
    }

    /// Notes that something came.
    pub fn heard(&mut self, now: Duration) {
        self.heard = now;
        self.pinged = false;
    }

    /// Says when to look again.
    pub fn due(&self) -> Duration {
        if self.pinged { self.dead_at() } else { self.sent.min(self.heard) + self.interval }
    }

    /// Looks at the clock; whoever is told to ping does so now.
    pub fn look(&mut self, now: Duration) -> Pulse {
        if now >= self.dead_at() {
            return Pulse::Dead;
        }
        if now < self.due() {
            return Pulse::Quiet;
        }
        self.pinged = true;
        self.sent = now;
        Pulse::Ping
    }

    fn dead_at(&self) -> Duration {
        self.heard + self.interval * 3 / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn fresh() -> KeepAlive {
        KeepAlive::new(seconds(20), seconds(100))
    }

    #[test]
    fn an_idle_connection_is_pinged_after_one_interval_and_only_once() {
        let mut keep_alive = fresh();
        assert_eq!(keep_alive.due(), seconds(120));
        assert_eq!(keep_alive.look(seconds(119)), Pulse::Quiet);
        assert_eq!(keep_alive.look(seconds(120)), Pulse::Ping);
        assert_eq!(keep_alive.look(seconds(121)), Pulse::Quiet);
        keep_alive.heard(seconds(122));
        assert_eq!(keep_alive.look(seconds(140)), Pulse::Ping);
    }

    #[test]
    fn who_sends_all_the_time_and_hears_nothing_pings_too_and_finds_it_dead() {
        let mut keep_alive = fresh();
        let mut pulses = Vec::new();
        for now in 101..=130 {
            keep_alive.sent(seconds(now));
            match keep_alive.look(seconds(now)) {
                Pulse::Quiet => {}
                pulse => pulses.push((now, pulse)),
            }
        }
        assert_eq!(pulses, [(120, Pulse::Ping), (130, Pulse::Dead)]);
    }

    #[test]
    fn who_hears_all_the_time_and_sends_nothing_pings_for_the_other_sides_sake() {
        let mut keep_alive = fresh();
        (101..120).for_each(|now| keep_alive.heard(seconds(now)));
        assert_eq!(keep_alive.look(seconds(120)), Pulse::Ping);
    }

    #[test]
    fn any_byte_proves_life() {
        let mut keep_alive = fresh();
        keep_alive.look(seconds(120));
        keep_alive.heard(seconds(129));
        assert_eq!(keep_alive.look(seconds(130)), Pulse::Quiet);
        assert_eq!(keep_alive.look(seconds(159)), Pulse::Dead);
    }
}
