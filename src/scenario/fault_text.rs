//! What is done to a world, in words.
use super::duration::{offset_written_out, written_out};
use lizard_sim::{Fault, Path};

/// Says everything that a fault is, so that equal words are equal faults.
pub fn full(fault: &Fault) -> String {
    match fault {
        Fault::PowerLoss { host } => format!("power-loss {host}"),
        Fault::Crash { host } => format!("crash {host}"),
        Fault::Stop { host } => format!("stop {host}"),
        Fault::Boot { host } => format!("boot {host}"),
        Fault::Freeze { host } => format!("freeze {host}"),
        Fault::Thaw { host } => format!("thaw {host}"),
        Fault::Cut { from, to } => format!("cut {from} -> {to}"),
        Fault::Heal { from, to } => format!("heal {from} -> {to}"),
        Fault::Hold { from, to } => format!("hold {from} -> {to}"),
        Fault::Release { from, to } => format!("release {from} -> {to}"),
        Fault::Impair { at, path } => format!("impair {at}: {}", of_path(path)),
        Fault::SkewClock { host, by_ns, drift_ppm } => {
            format!("skew-clock {host} by {} drifting {drift_ppm}ppm", offset_written_out(*by_ns))
        }
        Fault::DiskFull { host, on } => format!("disk-full {host} {}", switch(*on)),
        Fault::DiskError { host, on } => format!("disk-error {host} {}", switch(*on)),
        Fault::SlowSync { host, by } => format!("slow-sync {host} by {}", written_out(*by)),
        Fault::Announce { host, text, on } => format!("{text} at {host} {}", switch(*on)),
    }
}

fn of_path(path: &Path) -> String {
    let (least, most) = path.latency;
    let bandwidth = path.bandwidth.map(|bits| format!(", {bits} bit/s")).unwrap_or_default();
    format!("{}..{} later, {}ppm lost{bandwidth}", written_out(least), written_out(most), path.loss_ppm)
}

fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
