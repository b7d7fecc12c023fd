//! Commands that make files: `init`, `epochs`, `access-key`.

use std::fs;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use edgewise_spec::connection::AccessKey;
use edgewise_spec::link::{Address, Edge, IdentityKey};
use zeroize::Zeroizing;

use super::{Failure, say};
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::epochs::EpochSource;
use crate::keyfile::{self, KeyFileError};
use crate::{random, tls};

/// Names of the files that `init` makes.
const IDENTITY: &str = "identity.key";
const EPOCHS: &str = "epochs.toml";
const CONFIG: &str = "server.toml";
const CERTIFICATE: &str = "certificate.pem";
const CERTIFICATE_KEY: &str = "certificate-key.pem";
/// Longest access password, in bytes.
const PASSWORD_MAX: usize = 1_024;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Host name or IP address under which clients reach the server.
    #[arg(long)]
    host: String,
    /// Port to listen on.
    #[arg(long, default_value_t = 5_223)]
    port: u16,
    /// Folder to make the files in.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Days for which epochs are signed ahead.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3_660))]
    days: u32,
    /// Serve cleartext HTTP/2, as behind a proxy that does TLS.
    #[arg(long)]
    no_tls: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Epochs {
    /// The identity key's file.
    #[arg(long, default_value = IDENTITY)]
    identity: PathBuf,
    /// The file of epochs; made if it does not exist.
    #[arg(long, default_value = EPOCHS)]
    epochs: PathBuf,
    /// Days from now that are to be covered.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3_660))]
    days: u32,
}

/// Makes everything a server needs, and nothing over anything that exists.
pub(crate) fn init(arguments: &Init) -> Result<(), Failure> {
    if arguments.port == 0 {
        return Err(Failure::usage("`--port` cannot be 0: clients need a fixed one"));
    }
    let edge = config::edge(&arguments.host, arguments.port).map_err(Failure::usage)?;
    let folder = &arguments.dir;
    refuse_existing(folder)?;
    fs::create_dir_all(folder)
        .map_err(|error| Failure::work(format!("cannot make {}: {error}", folder.display())))?;
    let identity = IdentityKey::generate(&mut random());
    let now = Clock::system().now();
    let epochs = keyfile::extend(&identity, Vec::new(), now, arguments.days, &mut random());
    keyfile::write_identity(&folder.join(IDENTITY), &identity).map_err(Failure::work)?;
    keyfile::write_epochs(&folder.join(EPOCHS), &epochs).map_err(Failure::work)?;
    if !arguments.no_tls {
        let made = tls::self_signed(&edge.host).map_err(Failure::work)?;
        for (name, text) in [(CERTIFICATE, made.certificate_pem), (CERTIFICATE_KEY, made.key_pem)] {
            let text = Zeroizing::new(text);
            keyfile::write_secret(&folder.join(name), text.as_bytes()).map_err(Failure::work)?;
        }
    }
    let text = configuration(&edge, !arguments.no_tls);
    keyfile::write_secret(&folder.join(CONFIG), text.as_bytes()).map_err(Failure::work)?;
    // What was written is what `serve` accepts, or init has failed.
    Settings::read(&folder.join(CONFIG)).map_err(Failure::work)?;
    say(Address { fingerprint: identity.fingerprint(), edge, tls: !arguments.no_tls });
    Ok(())
}

/// Signs epochs ahead.
pub(crate) fn epochs(arguments: &Epochs) -> Result<(), Failure> {
    let identity = keyfile::read_identity(&arguments.identity).map_err(Failure::usage)?;
    let known = match keyfile::read_epochs(&arguments.epochs) {
        Ok(known) => known,
        Err(KeyFileError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Vec::new()
        }
        Err(error) => return Err(Failure::usage(error)),
    };
    let vk = identity.verifying_key();
    if known.iter().any(|epoch| epoch.record().identity_vk() != vk) {
        return Err(Failure::usage(format!(
            "{} is of another identity than {}: name the two that belong together",
            arguments.epochs.display(),
            arguments.identity.display()
        )));
    }
    let now = Clock::system().now();
    let epochs = keyfile::extend(&identity, known, now, arguments.days, &mut random());
    keyfile::write_epochs(&arguments.epochs, &epochs).map_err(Failure::work)?;
    let last = epochs.last().map_or(0, |epoch| epoch.record().not_after());
    let days = last.saturating_sub(now.seconds()) / 86_400;
    say(format_args!("{} epochs, {days} days ahead", epochs.len()));
    Ok(())
}

/// Turns a password into the line that the configuration keeps.
pub(crate) fn access_key(settings: &Settings) -> Result<(), Failure> {
    let now = Clock::system().now();
    let source = EpochSource::open(&settings.config.epochs, now).map_err(Failure::usage)?;
    let window = source.window(now).map_err(Failure::usage)?;
    let fingerprint = window.fingerprint().ok_or_else(|| Failure::usage("no epoch is signed"))?;
    if std::io::stdin().is_terminal() {
        say("Type the access password and Enter:");
    }
    let password = read_password()?;
    let key = AccessKey::from_password(&fingerprint, &password).map_err(Failure::work)?;
    let hex = Zeroizing::new(hex::encode(key.as_bytes()));
    say(format_args!("access_key = \"{}\"", hex.as_str()));
    Ok(())
}

/// The first line of standard input, without its end.
fn read_password() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut password = Zeroizing::new(Vec::with_capacity(PASSWORD_MAX + 1));
    for byte in std::io::stdin().lock().bytes() {
        match byte.map_err(Failure::work)? {
            b'\n' => break,
            _ if password.len() == PASSWORD_MAX => {
                return Err(Failure::usage("an access password has at most 1,024 bytes"));
            }
            byte => password.push(byte),
        }
    }
    if password.last() == Some(&b'\r') {
        password.pop();
    }
    if password.is_empty() {
        return Err(Failure::usage("no password: write it to standard input"));
    }
    Ok(password)
}

fn refuse_existing(folder: &Path) -> Result<(), Failure> {
    for name in [IDENTITY, EPOCHS, CONFIG, CERTIFICATE, CERTIFICATE_KEY] {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(Failure::usage(KeyFileError::Exists { path }));
        }
    }
    Ok(())
}

fn configuration(edge: &Edge, tls: bool) -> String {
    let Edge { host, port } = edge;
    let tls = if tls {
        format!(
            "# Any certificate will do: clients know the server by its fingerprint.\n\
             certificate = \"{CERTIFICATE}\"\ncertificate_key = \"{CERTIFICATE_KEY}\"\n"
        )
    } else {
        "# Cleartext HTTP/2. Links are sealed all the same.\ntls = false\n".to_owned()
    };
    format!(
        "# Configuration of edgewise-server. Paths are relative to this file.\n\
         # `edgewise-server check-config` says whether all of it can be used.\n\n\
         listen = \"[::]:{port}\"\n\
         # Where clients reach it. The port of the address is `port`, or else the one listened on.\n\
         host = \"{host}\"\nport = {port}\n\n{tls}\n\
         # Signed epochs; `edgewise-server epochs` extends them where the identity key is kept.\n\
         epochs = \"{EPOCHS}\"\n\n\
         # `edgewise-server stats` asks here.\n\
         admin_socket = \"admin.sock\"\n\n\
         # What `edgewise-server access-key` prints, if not everyone may create connections:\n\
         # access_key = \"...\"\n\n\
         # More edges of this server: at the end of this file, for each, a table\n\
         # [[edge]] with `listen`, `host` and, if it is another, `port`.\n\
         # shutdown_seconds = 10\n\
         # log_level = \"info\"       # error, warn, info, debug, trace\n\
         # log_format = \"text\"      # text, json\n\n\
         [limits]\n\
         # quota_max = 512           # 16, 32, 128, 512\n\
         # idle_days_max = 365       # 7, 30, 90, 365\n\
         # part_days_max = 30        # 1, 7, 21, 30\n\
         # stall_seconds = 60        # 5, 15, 60, 120\n\
         # link_life_seconds = 86400 # 60, 3600, 43200, 86400\n\
         # links_max = 20000\n\
         # half_open_max = 4096\n\
         # connections_max = 1000000\n"
    )
}
