//! The implementations of a matrix, as a TOML file names them.
//!
//! ```toml
//! [[client]]
//! name = "mine"
//! exec = "python3 driver.py"            # or attach = "http://localhost:7000", or reference = true
//!
//! [[server]]
//! name = "theirs"
//! attach = "edgewise://…@localhost:5223" # or exec, or reference
//! password = "…"                         # where the server asks for one
//! ```

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use serde::Deserialize;

use crate::driver::{ClientSource, OUTCOME_WITHIN, REFERENCE};
use crate::target::{START_SECONDS, Source};

/// Clients and servers with their names, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Implementations {
    pub(super) clients: Vec<(String, ClientSource)>,
    pub(super) servers: Vec<(String, Source)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    client: Vec<Entry>,
    #[serde(default)]
    server: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    exec: Option<String>,
    attach: Option<String>,
    #[serde(default)]
    reference: bool,
    password: Option<String>,
    start_seconds: Option<u64>,
}

/// Where an implementation comes from.
enum Origin {
    Reference,
    Attach(String),
    Exec(String),
}

impl Implementations {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, with the name of the entry.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        Self::parse(&fs::read_to_string(path)?).map_err(io::Error::other)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.client.is_empty() {
            return Err("no [[client]]: a matrix is made of clients and servers".to_owned());
        }
        let mut all = Self::default();
        for entry in file.client {
            if entry.password.is_some() {
                return Err(format!("client {:?}: a password is the server's", entry.name));
            }
            named_once(&entry, all.clients.iter().map(|(name, _)| name), "client")?;
            all.clients.push((entry.name.clone(), entry.client()?));
        }
        for entry in file.server {
            named_once(&entry, all.servers.iter().map(|(name, _)| name), "server")?;
            all.servers.push((entry.name.clone(), entry.server()?));
        }
        if all.servers.is_empty() {
            all.servers.push(("reference".to_owned(), Source::Embedded));
        }
        Ok(all)
    }

    /// What the command line names: `reference`, an address, or a command.
    ///
    /// # Errors
    /// An address that is none.
    pub(super) fn of(clients: &[String], servers: &[String]) -> Result<Self, String> {
        let entry = |text: &String| {
            let mut entry = Entry {
                name: text.clone(),
                exec: None,
                attach: None,
                reference: text == "reference",
                password: None,
                start_seconds: None,
            };
            if text.starts_with("http://") || text.starts_with("edgewise://") {
                entry.attach = Some(text.clone());
            } else if !entry.reference {
                entry.exec = Some(text.clone());
            }
            entry
        };
        let name = |text: &String| text.clone();
        Ok(Self {
            clients: clients
                .iter()
                .map(|text| Ok((name(text), entry(text).client()?)))
                .collect::<Result<_, String>>()?,
            servers: servers
                .iter()
                .map(|text| Ok((name(text), entry(text).server()?)))
                .collect::<Result<_, String>>()?,
        })
    }
}

fn named_once<'a>(
    entry: &Entry,
    mut known: impl Iterator<Item = &'a String>,
    kind: &str,
) -> Result<(), String> {
    if known.any(|name| *name == entry.name) {
        return Err(format!("two entries are called {kind} {:?}", entry.name));
    }
    Ok(())
}

impl Entry {
    fn origin(&self) -> Result<Origin, String> {
        match (&self.exec, &self.attach, self.reference) {
            (Some(command), None, false) => Ok(Origin::Exec(command.clone())),
            (None, Some(place), false) => Ok(Origin::Attach(place.clone())),
            (None, None, true) => Ok(Origin::Reference),
            _ => Err(format!("{:?} needs one of exec, attach and reference", self.name)),
        }
    }

    fn within(&self) -> Duration {
        Duration::from_secs(self.start_seconds.unwrap_or(START_SECONDS))
    }

    fn client(&self) -> Result<ClientSource, String> {
        Ok(match self.origin()? {
            Origin::Reference => ClientSource::Embedded(REFERENCE),
            Origin::Attach(url) => ClientSource::Attached { url, outcome: OUTCOME_WITHIN },
            Origin::Exec(command) => {
                let (words, within) = (shell(command), self.within());
                ClientSource::Program { words, within, outcome: OUTCOME_WITHIN }
            }
        })
    }

    fn server(&self) -> Result<Source, String> {
        Ok(match self.origin()? {
            Origin::Reference => Source::Embedded,
            Origin::Attach(address) => Source::Attached {
                address: address.parse().map_err(|error| format!("{:?}: {error}", self.name))?,
                capabilities: Vec::new(),
                password: self.password.clone(),
            },
            Origin::Exec(command) => {
                Source::Program { words: shell(command), within: self.within() }
            }
        })
    }
}

fn shell(command: String) -> Vec<std::ffi::OsString> {
    vec!["sh".into(), "-c".into(), command.into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_clients_and_servers() {
        let text = "[[client]]\nname = \"a\"\nexec = \"./a\"\nstart_seconds = 3\n[[client]]\n\
                    name = \"b\"\nattach = \"http://localhost:1\"\n";
        let all = Implementations::parse(text).unwrap();
        assert_eq!((all.clients.len(), all.servers.len()), (2, 1));
        assert!(matches!(&all.clients[0].1, ClientSource::Program { within, .. }
            if *within == Duration::from_secs(3)));
        assert!(matches!(&all.clients[1].1, ClientSource::Attached { .. }));
        assert!(matches!(all.servers[0].1, Source::Embedded));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let one = "[[client]]\nname = \"a\"\n";
        for (text, told) in [
            ("", "[[client]]"),
            ("[[client]", "line 1"),
            (one, "\"a\" needs one of"),
            (&format!("{one}exec = \"x\"\nattach = \"y\"\n"), "\"a\" needs one of"),
            (&format!("{one}reference = true\n{one}reference = true\n"), "two entries"),
            (&format!("{one}reference = true\npassword = \"x\"\n"), "password"),
            (&format!("{one}reference = true\nspeed = 1\n"), "speed"),
            (
                &format!("{one}reference = true\n[[server]]\nname = \"s\"\nattach = \"x\"\n"),
                "\"s\"",
            ),
        ] {
            let fault = Implementations::parse(text).unwrap_err();
            assert!(fault.contains(told), "{text}: {fault}");
        }
    }
}
