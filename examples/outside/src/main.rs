//! Prints the history of each seed given.
use std::process::ExitCode;

fn main() -> ExitCode {
    for seed in std::env::args().skip(1) {
        let Ok(seed) = seed.parse() else {
            eprintln!("not a seed: {seed}");
            return ExitCode::from(2);
        };
        match outside::history(seed) {
            Ok(history) => println!("{history}"),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
