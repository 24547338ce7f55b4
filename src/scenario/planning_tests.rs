use super::super::fault_text;
use super::super::loading::parse;
use super::super::plan::{PlannedFault, Step};
use super::*;
use crate::iot::knobs::OnSessionLoss;
use lizard_sim::Fault;

const SYSTEM: &str = "
name: test
duration: 10m
sites: { west: {}, east: {}, field: { latency: 5ms } }
links: [{ between: [west, east], latency: 20ms..40ms, bandwidth: 1mbit }]
iot:
  dps: { site: east }
  hubs: { hub-a: { site: west }, hub-b: { site: east } }
  central: { site: east }
  devices: { xyz: { site: field, telemetry: 1s }, meter: { site: field, count: 2, telemetry: 5s, starts: 0s..30s } }
";

fn planned(rest: &str, seed: u64) -> Plan {
    match parse(Path::new("test.yaml"), &format!("{SYSTEM}{rest}")) {
        Ok(loaded) => loaded.plan(seed),
        Err(mistakes) => panic!("{mistakes}"),
    }
}

fn seconds(step: &Step) -> f64 {
    step.at.as_secs_f64()
}

fn boots(fault: &PlannedFault) -> Vec<f64> {
    fault.steps.iter().filter(|step| matches!(step.fault, Fault::Boot { .. })).map(seconds).collect()
}

#[test]
fn an_attack_takes_every_host_of_the_site_at_one_instant_and_boots_each_within_ten_seconds_of_power() {
    let plan = planned("timeline: [{ at: 1m..2m, attack: { site: east, for: 3m } }]", 5);
    let fault = &plan.faults[0];
    let lost: Vec<_> = fault.steps.iter().filter(|step| matches!(step.fault, Fault::PowerLoss { .. })).collect();
    assert_eq!(lost.len(), 3, "dps, hub-b, central");
    assert!(lost.iter().all(|step| step.at == fault.at));
    assert!((60.0..=120.0).contains(&fault.at.as_secs_f64()));
    let back = fault.until.expect("it ends");
    assert_eq!(back, fault.at + Duration::from_secs(180));
    let boots: Vec<_> = fault.steps.iter().filter(|step| matches!(step.fault, Fault::Boot { .. })).collect();
    assert_eq!(boots.len(), 3);
    assert!(boots.iter().all(|step| step.at >= back && step.at <= back + Duration::from_secs(10)), "{boots:?}");
    assert!(boots.windows(2).any(|pair| pair[0].at != pair[1].at), "three delays were drawn alike");
}

#[test]
fn without_an_end_a_fault_lasts_until_everything_is_put_right() {
    let plan = planned("timeline: [{ at: 1m, attack: { site: west } }, { at: 2m, freeze: { host: xyz } }]", 0);
    assert!(plan.faults.iter().all(|fault| fault.until == Some(Duration::from_secs(600))));
    assert!(plan.faults.iter().all(|fault| fault.steps.iter().all(|step| step.at <= plan.duration)));
}

#[test]
fn what_is_gone_for_good_never_boots() {
    let plan = planned(
        "timeline: [{ at: 1m, power-loss: { host: hub-a, for-good: yes } }, { at: 2m, attack: { site: west, for: 10s } }]",
        0,
    );
    assert_eq!(plan.for_good, ["hub-a".into()]);
    assert!(plan.faults.iter().all(|fault| boots(fault).is_empty()));
}

#[test]
fn a_host_that_two_faults_keep_down_boots_when_the_later_one_ends() {
    let plan = planned(
        "timeline: [{ at: 1m, power-loss: { host: hub-a, for: 5m } }, { at: 2m, crash: { host: hub-a, for: 10s } }]",
        0,
    );
    assert_eq!(boots(&plan.faults[0]), [360.0]);
    assert_eq!(boots(&plan.faults[1]), [0.0; 0]);
}

#[test]
fn every_happens_again_and_again_until_the_end_with_each_gap_drawn_anew() {
    let plan = planned("timeline: [{ every: 50s..70s, partition: { from: field, to: west, for: 1s..5s } }]", 2);
    let times: Vec<f64> = plan.faults.iter().map(|fault| fault.at.as_secs_f64()).collect();
    assert!((8..=11).contains(&times.len()), "{times:?}");
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (50.0..=70.0).contains(gap)) && gaps.iter().any(|gap| *gap != gaps[0]));
    assert!(plan.faults.iter().all(|fault| fault.steps.len() == 2), "one way: a cut and a heal");
}

#[test]
fn a_hold_of_both_directions_ends_with_as_many_releases_and_one_of_a_group_holds_each_device() {
    let plan = planned("timeline: [{ at: 1m, hold: { between: [field, west], for: 30s } }]", 0);
    let steps: Vec<_> = plan.steps().iter().map(|step| (seconds(step), fault_text::full(&step.fault))).collect();
    let said = [
        (60.0, "hold field -> west"),
        (60.0, "hold west -> field"),
        (90.0, "release field -> west"),
        (90.0, "release west -> field"),
    ];
    assert_eq!(steps, said.map(|(at, words)| (at, words.to_owned())));
    assert_eq!(plan.faults[0].text, "the network holds everything between field and west");
    assert_eq!(plan.faults[0].end_text.as_deref(), Some("the network releases what it held between field and west"));

    let plan = planned("timeline: [{ at: 1m, hold: { from: meter, to: west } }]", 0);
    let held = plan.steps().iter().filter(|step| matches!(&step.fault, Fault::Hold { to, .. } if to == "west")).count();
    assert_eq!((held, plan.faults[0].steps.len()), (2, 4), "a group of two");
    assert_eq!(plan.faults[0].text, "the network holds everything from meter to west");
    assert!(plan.faults[0].steps[2..].iter().all(|step| step.at == plan.duration), "until everything is put right");
}

#[test]
fn burdens_on_one_place_add_up_and_go_one_by_one() {
    let plan = planned(
        "timeline: [{ at: 1m, slow: { site: west, latency: 1s..2s, for: 2m } }, { at: 2m, lossy: { site: west, loss: 5%, for: 2m } }]",
        0,
    );
    let impairs: Vec<(f64, Duration, u32)> = plan
        .steps()
        .iter()
        .filter_map(|step| match &step.fault {
            Fault::Impair { path, .. } => Some((seconds(step), path.latency.0, path.loss_ppm)),
            _ => None,
        })
        .collect();
    let second = Duration::from_secs(1);
    assert_eq!(
        impairs,
        [(60.0, second, 0), (120.0, second, 50_000), (180.0, Duration::ZERO, 50_000), (240.0, Duration::ZERO, 0)]
    );
}

#[test]
fn a_swizzle_heals_no_host_before_it_is_cut_off() {
    for seed in 0..20 {
        let plan = planned("timeline: [{ at: 1m, swizzle: { site: east, over: 10s, for: 1s } }]", seed);
        let mut cut = BTreeMap::<(String, String), i32>::new();
        for step in plan.steps() {
            let (ends, by) = match step.fault {
                Fault::Cut { from, to } => ((from, to), 1),
                Fault::Heal { from, to } => ((from, to), -1),
                other => panic!("{other:?}"),
            };
            let cuts = cut.entry(ends).or_default();
            *cuts += by;
            assert!(*cuts >= 0);
        }
        assert!(cut.values().all(|cuts| *cuts == 0));
    }
}

#[test]
fn a_clock_that_jumped_and_drifted_is_put_right() {
    let plan = planned("timeline: [{ at: 1m, skew-clock: { host: hub-a, by: 5m, drift: 100ppm, for: 100s } }]", 0);
    let jumps: Vec<_> = plan.steps().into_iter().map(|step| step.fault).collect();
    let clock = |by_ns, drift_ppm| Fault::SkewClock { host: "hub-a".into(), by_ns, drift_ppm };
    assert_eq!(jumps, [clock(300_000_000_000, 100), clock(0, 0)]);
}

#[test]
fn nothing_happens_to_a_host_before_it_is_there() {
    for seed in 0..10 {
        let plan = planned("timeline: [{ every: 3s, crash: { host: meter, for: 1s } }]", seed);
        let starts = |name: &str| plan.hosts.iter().find(|host| &*host.name == name).map(|host| host.starts);
        let steps = plan.steps();
        assert!(steps.iter().all(|step| match &step.fault {
            Fault::Crash { host } | Fault::Boot { host } => Some(step.at) >= starts(host),
            _ => false,
        }));
    }
}

#[test]
fn adding_a_choice_does_not_reshuffle_the_others() {
    let attack = "timeline: [{ at: 1m..2m, attack: { site: west, for: 3m..4m } }";
    let alone = planned(&format!("{attack}]"), 9);
    let beside = planned(&format!("{attack}, {{ at: 5m..6m, crash: {{ host: hub-b, for: 1s..9s }} }}]"), 9);
    assert_eq!(alone.faults[0].steps, beside.faults[0].steps);
    let devices = |plan: &Plan| plan.hosts.iter().map(|host| host.starts).collect::<Vec<_>>();
    assert_eq!(devices(&alone), devices(&beside));
}

#[test]
fn the_hash_is_the_same_for_the_same_plan_and_another_for_another_seed_or_system() {
    let rest = "timeline: [{ at: 1m..2m, attack: { site: west, for: 3m } }]";
    let plan = planned(rest, 3);
    assert_eq!(plan.hash(), planned(rest, 3).hash());
    assert_ne!(plan.hash(), planned(rest, 4).hash());
    assert_ne!(plan.hash(), planned("timeline: [{ at: 1m..2m, attack: { site: west, for: 4m } }]", 3).hash());
    let elsewhere = Plan { file: "other.yaml".into(), story: Some("told otherwise".into()), ..plan.clone() };
    assert_eq!(elsewhere.hash(), plan.hash());
}

#[test]
fn the_roster_names_everybody_and_what_central_is_owed() {
    let plan = planned("", 0);
    let hosts: Vec<&str> = plan.hosts.iter().map(|host| &*host.name).collect();
    assert_eq!(hosts, ["dps", "hub-a", "hub-b", "central", "xyz", "meter-0001", "meter-0002"]);
    assert!(plan.hosts[4].starts.is_zero() && plan.hosts[5].starts != plan.hosts[6].starts);
    let roster = &plan.roster;
    assert_eq!(
        roster.producers.iter().map(|producer| &*producer.name).collect::<Vec<_>>(),
        ["xyz/telemetry", "meter-0001/telemetry", "meter-0002/telemetry"]
    );
    assert!(roster.routes.iter().all(|route| route.ordered && route.delivery == crate::history::Delivery::ExactlyOnce));
    assert_eq!(roster.clients[0].needs, [vec!["dps".into()], vec!["hub-a".into(), "hub-b".into()]] as [Vec<Name>; 2]);
    let waived = planned("invariants: { order: { waived: two hubs } }", 0);
    assert!(waived.roster.routes.iter().all(|route| !route.ordered));
}

#[test]
fn every_pair_of_sites_has_a_path() {
    let plan = planned("", 0);
    assert_eq!(plan.links.len(), 3);
    let (a, b, path) = &plan.links[0];
    assert_eq!((&**a, &**b, path.bandwidth), ("west", "east", Some(1_000_000)));
    assert_eq!(plan.links[1].2, PLAIN);
}

#[test]
fn chaos_stays_inside_its_envelope() {
    let rest = "chaos: { faults: [power-loss, crash, freeze, stop, partition, slow, lossy, skew-clock, disk-full, disk-error, hold], every: 5s..20s, lasting: 1s..90s, at-most: 2 }";
    let mut texts = std::collections::BTreeSet::new();
    for seed in 0..30 {
        let plan = planned(rest, seed);
        for fault in &plan.faults {
            texts.insert(fault.text.split(' ').skip(1).take(2).collect::<Vec<_>>().join(" "));
            let on = plan.faults.iter().filter(|other| other.at <= fault.at && other.until > Some(fault.at)).count();
            assert!(on <= 2, "{on} at once with seed {seed}");
            assert!(fault.until <= Some(plan.duration));
            let of_disk = fault.text.contains("disk");
            assert!(
                !of_disk || ["hub-a", "hub-b", "central"].iter().any(|host| fault.text.starts_with(host)),
                "{}",
                fault.text
            );
        }
    }
    assert!(texts.len() >= 10, "thirty seeds drew only {texts:?}");
    assert_eq!(planned(rest, 7).hash(), planned(rest, 7).hash());
}

#[test]
fn chaos_holds_what_two_sites_send_each_other_in_one_direction_or_both_and_releases_it() {
    let rest = "chaos: { faults: [hold], every: 20s..1m, lasting: 10s }";
    let mut one_way = std::collections::BTreeSet::new();
    for seed in 0..10 {
        let plan = planned(rest, seed);
        assert!(!plan.faults.is_empty());
        for fault in &plan.faults {
            let held = |step: &&Step| matches!(step.fault, Fault::Hold { .. });
            let released = |step: &&Step| matches!(step.fault, Fault::Release { .. });
            let (held, released) =
                (fault.steps.iter().filter(held).count(), fault.steps.iter().filter(released).count());
            assert_eq!((held, held + released), (released, fault.steps.len()), "{}", fault.text);
            one_way.insert(fault.text.contains(" from "));
        }
    }
    assert_eq!(one_way.len(), 2, "ten seeds drew only {one_way:?}");
}

#[test]
fn a_pitfall_turned_on_differs_by_its_knob_alone_and_calm_has_no_fault() {
    let rest = "
timeline: [{ at: 1m, attack: { site: west, for: 1m } }]
pitfall: { issue: \"https://example.org/1\", turn-on: { devices.xyz: { on-session-loss: same-hub } }, violates: recovers }
";
    let loaded = parse(Path::new("test.yaml"), &format!("{SYSTEM}{rest}")).expect("sound");
    let on = loaded.scenario.turned_on().expect("the knob fits");
    let (treatment, control) = (plan(&on, &loaded.file, 1), loaded.plan(1));
    let knob = |plan: &Plan| plan.systems.iot.as_ref().map(|iot| iot.devices[0].knobs.on_session_loss);
    assert_eq!(knob(&treatment), Some(OnSessionLoss::SameHub));
    assert_eq!(knob(&control), Some(OnSessionLoss::AskDps));
    assert_eq!(treatment.faults[0].steps, control.faults[0].steps);
    assert!(plan(&on.calm(), &loaded.file, 1).faults.is_empty());
}
