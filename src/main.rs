//! The command `fleetwire`. Everything it does is in the library's `app`.

fn main() -> std::process::ExitCode {
    fleetwire::app::main()
}
