//! From a timeline item to what is done to the world, each choice drawn from its own labelled dice.
use super::cast::Cast;
use super::duration::{DurationRange, offset_written_out, written_out};
use super::plan::{PathPlan, PlannedFault, Step};
use super::timeline::{Attack, Outage, Passage, SkewClock, Spell, Swizzle, ThrottleHub, TimelineItem};
use lizard_sim::Fault;
use rand::RngExt;
use rand::seq::SliceRandom;
use std::time::Duration;

/// After an attack each host takes this long to boot, once the power is back.
const BOOT: DurationRange = DurationRange::seconds_range(0, 10);
/// How long a swizzle takes to cut all hosts off, and again to heal them.
const SWIZZLE: DurationRange = DurationRange::seconds(10);

/// One verb at one time, on its way into the plan.
pub(crate) struct Drawing<'a> {
    pub(crate) seed: u64,
    pub(crate) cast: &'a Cast,
    /// When every fault ends.
    pub(crate) end: Duration,
    /// `timeline[2]`: the beginning of every label.
    pub(crate) origin: String,
    pub(crate) at: Duration,
    /// The item's verb.
    pub(crate) kind: String,
}

/// What is drawn of one item: the fault, the latency and loss that it adds to places, the hosts that never come back.
#[derive(Default)]
pub(crate) struct Drawn {
    pub(crate) text: String,
    pub(crate) end_text: Option<String>,
    pub(crate) until: Option<Duration>,
    pub(crate) steps: Vec<Step>,
    pub(crate) impairs: Vec<(String, PathPlan)>,
    pub(crate) for_good: Vec<String>,
}

impl Drawn {
    pub(crate) fn planned(&self, drawing: &Drawing<'_>) -> PlannedFault {
        PlannedFault {
            origin: drawing.origin.clone(),
            kind: drawing.kind.clone(),
            at: drawing.at,
            until: self.until,
            text: self.text.clone(),
            end_text: self.end_text.clone(),
            steps: self.steps.clone(),
        }
    }
}

impl Drawing<'_> {
    /// Draws the item's verb.
    pub(crate) fn draw(&self, item: &TimelineItem) -> Drawn {
        type Make = fn(String) -> Fault;
        let outages: [(&Option<Outage>, &str, Make); 3] = [
            (&item.crash, "crashes", |host| Fault::Crash { host }),
            (&item.power_loss, "loses its power", |host| Fault::PowerLoss { host }),
            (&item.stop, "is stopped", |host| Fault::Stop { host }),
        ];
        for (outage, words, fault) in outages {
            if let Some(outage) = outage {
                return self.outage(outage, words, fault);
            }
        }
        let spells: [(&Option<Spell>, &str, &str, Make, Make); 3] = [
            (&item.freeze, "freezes", "thaws", |host| Fault::Freeze { host }, |host| Fault::Thaw { host }),
            (
                &item.disk_full,
                "has a full disk",
                "has room on its disk again",
                |host| Fault::DiskFull { host, on: true },
                |host| Fault::DiskFull { host, on: false },
            ),
            (
                &item.disk_error,
                "has a failing disk",
                "has a sound disk again",
                |host| Fault::DiskError { host, on: true },
                |host| Fault::DiskError { host, on: false },
            ),
        ];
        for (spell, begins, ends, on, off) in spells {
            if let Some(spell) = spell {
                return self.spell(spell, begins, ends, on, off);
            }
        }
        if let Some(attack) = &item.attack {
            self.attack(attack)
        } else if let Some(start) = &item.start {
            let steps = self.cast.hosts(&start.host).into_iter().map(|host| self.step(Fault::Boot { host })).collect();
            Drawn { text: format!("{} is started", start.host), steps, ..Drawn::default() }
        } else if let Some(cut) = &item.partition {
            self.partition(cut)
        } else if let Some(hold) = &item.hold {
            self.hold(hold)
        } else if let Some(slow) = &item.slow {
            let path = PathPlan { latency: (slow.latency.least(), slow.latency.most()), ..PathPlan::default() };
            let place = slow.site.as_deref().or(slow.host.as_deref()).unwrap_or_default();
            self.impair(place, path, slow.lasting, &format!("{} slower", slow.latency))
        } else if let Some(lossy) = &item.lossy {
            let path = PathPlan { loss_ppm: lossy.loss.ppm, ..PathPlan::default() };
            let place = lossy.site.as_deref().or(lossy.host.as_deref()).unwrap_or_default();
            self.impair(place, path, lossy.lasting, &format!("losing {} of all segments", lossy.loss))
        } else if let Some(skew) = &item.skew_clock {
            self.skew(skew)
        } else if let Some(swizzle) = &item.swizzle {
            self.swizzle(swizzle)
        } else if let Some(throttle) = &item.throttle {
            self.throttle(throttle)
        } else {
            unreachable!("loading refuses items without a verb")
        }
    }

    fn label(&self, key: &str) -> String {
        format!("{}.{key}", self.origin)
    }

    fn step(&self, fault: Fault) -> Step {
        Step { at: self.at, fault }
    }

    /// When it ends: after `for`, and at the latest when everything is put right.
    fn until(&self, lasting: Option<DurationRange>) -> Duration {
        lasting.map_or(self.end, |lasting| (self.at + lasting.draw(self.seed, &self.label("for"))).min(self.end))
    }

    fn attack(&self, attack: &Attack) -> Drawn {
        let hosts = self.cast.at(&attack.site);
        let text = format!(
            "the giant lizard attacks {}: {} {} power",
            attack.site,
            listed(&hosts),
            if hosts.len() == 1 { "loses its" } else { "lose their" }
        );
        let mut steps: Vec<Step> =
            hosts.iter().map(|host| self.step(Fault::PowerLoss { host: host.clone() })).collect();
        if attack.for_good {
            return Drawn { text: format!("{text} for good"), steps, for_good: hosts, ..Drawn::default() };
        }
        let until = self.until(attack.lasting);
        for host in hosts {
            let delay = BOOT.draw(self.seed, &self.label(&format!("boot.{host}")));
            steps.push(Step { at: (until + delay).min(self.end), fault: Fault::Boot { host } });
        }
        Drawn {
            text,
            end_text: Some(format!("power is back in {}", attack.site)),
            until: Some(until),
            steps,
            ..Drawn::default()
        }
    }

    fn outage(&self, outage: &Outage, words: &str, fault: fn(String) -> Fault) -> Drawn {
        let hosts = self.cast.hosts(&outage.host);
        let mut steps: Vec<Step> = hosts.iter().map(|host| self.step(fault(host.clone()))).collect();
        if outage.for_good {
            return Drawn {
                text: format!("{} {words} for good", outage.host),
                steps,
                for_good: hosts,
                ..Drawn::default()
            };
        }
        let until = self.until(outage.lasting);
        steps.extend(hosts.into_iter().map(|host| Step { at: until, fault: Fault::Boot { host } }));
        Drawn {
            text: format!("{} {words}", outage.host),
            end_text: Some(format!("{} boots", outage.host)),
            until: Some(until),
            steps,
            ..Drawn::default()
        }
    }

    fn spell(
        &self,
        spell: &Spell,
        begins: &str,
        ends: &str,
        on: fn(String) -> Fault,
        off: fn(String) -> Fault,
    ) -> Drawn {
        let until = self.until(spell.lasting);
        let hosts = self.cast.hosts(&spell.host);
        let mut steps: Vec<Step> = hosts.iter().map(|host| self.step(on(host.clone()))).collect();
        steps.extend(hosts.into_iter().map(|host| Step { at: until, fault: off(host) }));
        Drawn {
            text: format!("{} {begins}", spell.host),
            end_text: Some(format!("{} {ends}", spell.host)),
            until: Some(until),
            steps,
            ..Drawn::default()
        }
    }

    fn partition(&self, cut: &Passage) -> Drawn {
        let (text, end) = match cut.directed() {
            (a, b, true) => {
                (format!("{a} and {b} are cut off from each other"), format!("{a} and {b} reach each other again"))
            }
            (a, b, false) => (format!("nothing from {a} reaches {b}"), format!("{a} reaches {b} again")),
        };
        let drawn = self.barrier(cut, |from, to| Fault::Cut { from, to }, |from, to| Fault::Heal { from, to });
        Drawn { text, end_text: Some(end), ..drawn }
    }

    fn hold(&self, hold: &Passage) -> Drawn {
        let what = match hold.directed() {
            (a, b, true) => format!("between {a} and {b}"),
            (a, b, false) => format!("from {a} to {b}"),
        };
        let drawn = self.barrier(hold, |from, to| Fault::Hold { from, to }, |from, to| Fault::Release { from, to });
        let (text, end) =
            (format!("the network holds everything {what}"), format!("the network releases what it held {what}"));
        Drawn { text, end_text: Some(end), ..drawn }
    }

    /// What stands between every host that the one end names and every host that the other does.
    fn barrier(&self, passage: &Passage, up: fn(String, String) -> Fault, down: fn(String, String) -> Fault) -> Drawn {
        let until = self.until(passage.lasting);
        let (a, b, both) = passage.directed();
        let mut pairs = Vec::new();
        for from in self.cast.places(a) {
            for to in self.cast.places(b) {
                if from == to {
                    continue;
                }
                pairs.push((from.clone(), to.clone()));
                if both {
                    pairs.push((to, from.clone()));
                }
            }
        }
        let mut steps: Vec<Step> = pairs.iter().cloned().map(|(from, to)| self.step(up(from, to))).collect();
        steps.extend(pairs.into_iter().map(|(from, to)| Step { at: until, fault: down(from, to) }));
        Drawn { until: Some(until), steps, ..Drawn::default() }
    }

    fn impair(&self, place: &str, path: PathPlan, lasting: Option<DurationRange>, words: &str) -> Drawn {
        let impairs = self.cast.places(place).into_iter().map(|place| (place, path.clone())).collect();
        Drawn {
            text: format!("paths of {place} are {words}"),
            end_text: Some(format!("paths of {place} are as before")),
            until: Some(self.until(lasting)),
            impairs,
            ..Drawn::default()
        }
    }

    fn skew(&self, skew: &SkewClock) -> Drawn {
        let until = self.until(skew.lasting);
        let by_ns = skew.by.draw(self.seed, &self.label("by"));
        let drift_ppm = skew.drift.unwrap_or_default().ppm;
        let hosts = self.cast.hosts(&skew.host);
        let mut steps: Vec<Step> =
            hosts.iter().map(|host| self.step(Fault::SkewClock { host: host.clone(), by_ns, drift_ppm })).collect();
        // No skew and no drift: it agrees with the true time again.
        steps.extend(
            hosts.into_iter().map(|host| Step { at: until, fault: Fault::SkewClock { host, by_ns: 0, drift_ppm: 0 } }),
        );
        Drawn {
            text: format!("the clock of {} jumps by {}", skew.host, offset_written_out(by_ns)),
            end_text: Some(format!("the clock of {} is right again", skew.host)),
            until: Some(until),
            steps,
            ..Drawn::default()
        }
    }

    /// The hub does it itself, by its plan; the world only tells of it.
    fn throttle(&self, throttle: &ThrottleHub) -> Drawn {
        let until = self.until(throttle.lasting);
        let (host, text) = (throttle.hub.to_string(), format!("throttled to {}", throttle.to));
        let announce = |on| Fault::Announce { host: host.clone(), text: text.clone(), on };
        Drawn {
            text: format!("{host} is {text}"),
            end_text: Some(format!("{host} takes its usual load again")),
            until: Some(until),
            steps: vec![self.step(announce(true)), Step { at: until, fault: announce(false) }],
            ..Drawn::default()
        }
    }

    fn swizzle(&self, swizzle: &Swizzle) -> Drawn {
        let over = swizzle.over.unwrap_or(SWIZZLE).draw(self.seed, &self.label("over"));
        // No host is healed before all are cut off: a heal undoes only a cut that came before it.
        let begin_heal = self.until(swizzle.lasting).max(self.at + over).min(self.end);
        let mut steps = Vec::new();
        for (order, from_time, healing) in [("cut-order", self.at, false), ("heal-order", begin_heal, true)] {
            let mut hosts = self.cast.at(&swizzle.site);
            let dice = &mut lizard_sim::dice(self.seed, &self.label(order));
            hosts.shuffle(dice);
            let most = u64::try_from(over.as_millis()).unwrap_or(u64::MAX);
            let mut offsets: Vec<u64> = hosts.iter().map(|_| dice.random_range(0..=most)).collect();
            offsets.sort_unstable();
            for (host, offset) in hosts.into_iter().zip(offsets) {
                let at = (from_time + Duration::from_millis(offset)).min(self.end);
                for site in self.cast.sites() {
                    for (from, to) in [(host.clone(), site.to_string()), (site.to_string(), host.clone())] {
                        let fault = if healing { Fault::Heal { from, to } } else { Fault::Cut { from, to } };
                        steps.push(Step { at, fault });
                    }
                }
            }
        }
        Drawn {
            text: format!("the hosts of {} are cut off one by one within {}", swizzle.site, written_out(over)),
            end_text: Some(format!("the hosts of {} are healed in another order", swizzle.site)),
            until: Some(begin_heal),
            steps,
            ..Drawn::default()
        }
    }
}

/// `a`, `a and b`, `a, b and c`; many are counted.
fn listed(names: &[String]) -> String {
    const MOST: usize = 5;
    match names {
        [] => "nobody".into(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= MOST => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} other hosts", names[..MOST - 1].join(", "), names.len() - (MOST - 1)),
    }
}
