//! The `lizard` command: one subcommand a file. Results go to stdout, all else to stderr; plain when not a terminal.
mod check;
mod diverge;
mod explain;
mod files;
mod hunt;
mod list;
mod merge;
mod new;
mod output;
mod progress;
mod prove;
mod replay;
mod reporting;
mod run;
mod schema;
mod seeds;
mod shrink;
mod shrinking;
mod shrunk;
mod stop;

use clap::{Parser, Subcommand};
use output::Exit;
use std::process::ExitCode;

/// Does my messaging client lose, repeat or reorder anything when a data centre dies and comes back?
#[derive(Debug, Parser)]
#[command(name = "lizard", version, arg_required_else_help = true, after_help = AFTER)]
struct Lizard {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "Exit code 0: all held. 1: an invariant or expectation failed. \
2: the scenario or the command line is wrong. 3: Giant Lizard itself failed. `diverge` answers as `diff` does: \
0 for the same run, 1 for two that differ.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Hunt(hunt::Hunt),
    Merge(merge::Merge),
    Replay(replay::Replay),
    Shrink(shrink::Shrink),
    Diverge(diverge::Diverge),
    Prove(prove::Prove),
    Check(check::Check),
    List(list::List),
    Explain(explain::Explain),
    New(new::New),
    Schema(schema::Schema),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Lizard { command } = Lizard::parse();
    let exit = match command {
        Command::Run(run) => run.execute(),
        Command::Hunt(hunt) => hunt.execute(),
        Command::Merge(merge) => merge.execute(),
        Command::Replay(replay) => replay.execute(),
        Command::Shrink(shrink) => shrink.execute(),
        Command::Diverge(diverge) => diverge.execute(),
        Command::Prove(prove) => prove.execute(),
        Command::Check(check) => check.execute(),
        Command::List(list) => list.execute(),
        Command::Explain(explain) => explain.execute(),
        Command::New(new) => new.execute(),
        Command::Schema(schema) => schema.execute(),
    };
    exit.unwrap_or_else(|failure| {
        output::complain(&failure.to_string());
        Exit::OurFailure
    })
    .into()
}
