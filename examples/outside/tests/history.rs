//! In a test binary, too, a seed is a history.

#[test]
fn a_seed_has_one_history_on_every_thread() {
    let tell = || outside::history(7).expect("the world runs to its end");
    let other = std::thread::spawn(tell).join().expect("it does not panic");
    assert_eq!(tell(), other);
}

#[test]
fn seeds_have_histories_of_their_own() {
    assert_ne!(outside::history(7).ok(), outside::history(8).ok());
}

#[test]
fn a_program_tells_the_same_history() {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_outside")).arg("7").output().expect("it runs");
    let told = String::from_utf8_lossy(&program.stdout);
    assert_eq!(Ok(told.trim().to_owned()), outside::history(7), "{}", String::from_utf8_lossy(&program.stderr));
}
