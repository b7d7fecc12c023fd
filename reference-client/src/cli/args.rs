//! The command line: options of every verb, the verbs, and those that need no open store.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::unlock::Source;
use super::verb::Verb;

/// Talk with people over Edgewise: no numbers, no names, no server that knows whom you talk with.
#[derive(Debug, Parser)]
#[command(
    name = "edgewise",
    version = version(),
    max_term_width = 100,
    subcommand_required = true,
    after_help = "Begin with: edgewise init. Try it out with: edgewise demo."
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every verb.
#[derive(Clone, Debug, Args)]
pub(crate) struct Globals {
    /// The folder of store, settings and the daemon's socket.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "EDGEWISE_DATA",
        help_heading = "Options of every verb"
    )]
    pub(crate) data: Option<PathBuf>,
    /// The profile that the verb is about.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Options of every verb")]
    pub(crate) profile: Option<String>,
    /// JSON instead of text: one object, or one a line where many come.
    #[arg(long, global = true, help_heading = "Options of every verb")]
    pub(crate) json: bool,
    /// Colours: never without a terminal or with NO_COLOR, unless always.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Options of every verb"
    )]
    pub(crate) color: Colours,
    /// Read the passphrase from the first line of this file.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Options of every verb")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The store's key file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        conflicts_with = "passphrase_file",
        help_heading = "Options of every verb"
    )]
    pub(crate) key_file: Option<PathBuf>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colours {
    /// Where there is a terminal that shows them.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Globals {
    pub(crate) fn unlock(&self) -> Source {
        Source { passphrase_file: self.passphrase_file.clone(), key_file: self.key_file.clone() }
    }
}

/// Everything that `edgewise` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a store and a profile.
    Init(Init),
    /// Talk: a screen with contacts, history and a line to write in.
    Chat(Chat),
    #[command(flatten)]
    Verb(Verb),
    /// Check a proof that somebody has exported; needs no store.
    VerifyProof(VerifyProof),
    /// Destroy the store with everything in it.
    Wipe(Wipe),
    /// Stay connected, and do what other programs ask for over a socket.
    Daemon(Daemon),
    /// A server and two people in one terminal, gone when it ends.
    Demo(Demo),
    /// Print completions for a shell.
    Completions(Completions),
    /// Print the manual page.
    Man,
    /// Be driven by the conformance suite, over standard input and output.
    Driver(Driver),
}

#[derive(Debug, Args)]
pub(crate) struct Driver {
    /// Wait at this address for suites that attach, and say its URL first; port 0 is any port.
    /// Whoever reaches it drives the client.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The name that your contacts are told.
    #[arg(long, default_value = "Me")]
    pub(crate) name: String,
    /// A server to make connections on; may be given more than once.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) server: Vec<String>,
    /// Make a key file instead of asking for a passphrase.
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    pub(crate) make_key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// Name, beginning of a name, or id.
    pub(crate) contact: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyProof {
    /// The file.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Wipe {
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Daemon {
    /// Stop the daemon that runs.
    #[arg(long)]
    pub(crate) stop: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Play a short talk by itself and print what it took; so without a terminal.
    #[arg(long)]
    pub(crate) script: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Version, backend and revision of the specification.
fn version() -> &'static str {
    static VERSION: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    VERSION.get_or_init(|| {
        format!(
            "{} (specification revision {}, backend {})",
            env!("CARGO_PKG_VERSION"),
            edgewise_spec::constants::SPEC_REVISION,
            edgewise_spec::suite::BACKEND,
        )
    })
}

/// The verbs with what they do, as a Markdown table; the README has it.
#[must_use]
pub fn verbs_table() -> String {
    let mut table = "| verb | does |\n|---|---|\n".to_owned();
    for verb in Cli::command().get_subcommands() {
        let inner: Vec<_> = verb.get_subcommands().map(clap::Command::get_name).collect();
        let name = if inner.is_empty() {
            format!("`{}`", verb.get_name())
        } else {
            format!("`{}` {}", verb.get_name(), inner.join(", "))
        };
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        table.push_str(&format!("| {name} | {about} |\n"));
    }
    table
}

/// The manual page: the program, then each verb.
pub(crate) fn manual(to: &mut dyn std::io::Write) -> std::io::Result<()> {
    let mut command = Cli::command();
    command.build();
    let man = clap_mangen::Man::new(command.clone());
    man.render(to)?;
    for verb in command.get_subcommands() {
        writeln!(to, ".SH \"EDGEWISE {}\"", verb.get_name().to_uppercase())?;
        let man = clap_mangen::Man::new(verb.clone());
        man.render_synopsis_section(to)?;
        man.render_description_section(to)?;
        man.render_options_section(to)?;
        for inner in verb.get_subcommands() {
            let man = clap_mangen::Man::new(inner.clone());
            man.render_synopsis_section(to)?;
            man.render_options_section(to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_readme_has_the_table_of_verbs() {
        let readme = include_str!("../../README.md");
        assert!(readme.contains(&verbs_table()), "put this into the README:\n{}", verbs_table());
    }

    #[test]
    fn command_line_and_json_are_the_same_verb() {
        let parsed = |line: &str| {
            let cli = Cli::try_parse_from(shlex::Shlex::new(line)).unwrap();
            let Command::Verb(verb) = cli.command else { panic!("{line}") };
            serde_json::to_string(&verb).unwrap()
        };
        let read = |json: &str| {
            serde_json::to_string(&serde_json::from_str::<Verb>(json).unwrap()).unwrap()
        };
        for (line, json) in [
            ("edgewise send ann hello there", r#"{"send":{"contact":"ann","text":"hello there"}}"#),
            (
                "edgewise send ann --wait 3 -- --not-an-option",
                r#"{"send":{"contact":"ann","text":"--not-an-option","wait":3}}"#,
            ),
            ("edgewise contacts", r#"{"contacts":{}}"#),
            ("edgewise invite", r#"{"invite":{}}"#),
            (
                "edgewise invite --for ann --attested --servers 2",
                r#"{"invite":{"for":"ann","attested":true,"servers":2}}"#,
            ),
            (
                "edgewise address accept 3 --name Bob",
                r#"{"address":{"accept":{"number":3,"name":"Bob"}}}"#,
            ),
            ("edgewise servers list", r#"{"servers":{"list":{}}}"#),
            (
                "edgewise react ann 4 +1 --back",
                r#"{"react":{"contact":"ann","message":4,"with":"+1","back":true}}"#,
            ),
            ("edgewise receive -f --count 2", r#"{"receive":{"follow":true,"count":2}}"#),
            ("edgewise history ann -n 5", r#"{"history":{"contact":"ann","most":5}}"#),
        ] {
            assert_eq!(parsed(line), read(json), "{line}");
        }
        for wrong in [
            r#"{"send":{"contact":"ann","txt":"x"}}"#,
            r#"{"send":{}}"#,
            r#"{"nothing":{}}"#,
            r#"{"invite":{"png":"/etc/x"}}"#,
        ] {
            assert!(serde_json::from_str::<Verb>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_before_anything_is_opened() {
        for line in [
            "edgewise",
            "edgewise nothing",
            "edgewise invite --servers 11",
            "edgewise invite --servers 0",
            "edgewise invite --hours 0",
            "edgewise invite --shown --link",
            "edgewise verify ann --same --different",
            "edgewise send",
            "edgewise react ann x y",
            "edgewise profile set --read-receipts maybe",
            "edgewise --key-file a --passphrase-file b contacts",
        ] {
            assert!(Cli::try_parse_from(shlex::Shlex::new(line)).is_err(), "{line}");
        }
    }
}
