//! The `lizard` command.
use std::process::ExitCode;

fn main() -> ExitCode {
    giant_lizard::cli::main()
}
