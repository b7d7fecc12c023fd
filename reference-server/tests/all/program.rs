//! The program: files, signals, exit codes, and what it says when something is wrong.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use edgewise_proto::conformance::v1::{ServerReady, ServerStart};
use edgewise_server::stats::Stats;
use edgewise_spec::link::Address;
use prost::Message as _;
use tempfile::TempDir;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgewise-server"));
    command.env_remove("EDGEWISE_CONFIG");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program().current_dir(folder).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// A folder after `init`, and the address that it printed.
fn init(more: &[&str]) -> (TempDir, Address) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let output =
        run(folder.path(), &[&["init", "--host", "127.0.0.1", "--port", &port], more].concat());
    assert!(output.status.success(), "{}", complained(&output));
    let address = said(&output).parse().unwrap();
    (folder, address)
}

/// A server that is killed when the test is done with it.
struct Serving(Child);

impl Serving {
    fn start(folder: &Path) -> Self {
        let child = program()
            .current_dir(folder)
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let serving = Self(child);
        let start = Instant::now();
        while !run(folder, &["healthcheck"]).status.success() {
            assert!(start.elapsed() < Duration::from_secs(20), "never healthy");
            std::thread::sleep(Duration::from_millis(20));
        }
        serving
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for its end: exit code, and what it logged.
    fn wait(mut self) -> (Option<i32>, String) {
        let status = self.0.wait().unwrap();
        let mut text = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (status.code(), text)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn init_makes_a_server_that_serves_and_stops_when_told() {
    for more in [&[][..], &["--no-tls"]] {
        let (folder, address) = init(more);
        assert_eq!(address.tls, more.is_empty());
        for name in ["identity.key", "epochs.toml", "server.toml"] {
            let mode = folder.path().join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert_eq!(said(&run(folder.path(), &["address"])), address.to_string());
        let checked = said(&run(folder.path(), &["check-config"]));
        assert!(checked.contains("signed for 89 more days"), "{checked}");
        // The identity stays offline.
        std::fs::remove_file(folder.path().join("identity.key")).unwrap();
        let serving = Serving::start(folder.path());
        let stats = said(&run(folder.path(), &["stats", "--json"]));
        let stats: Stats = serde_json::from_str(&stats).unwrap();
        assert_eq!((stats.links, stats.connections), (0, 0));
        assert!(stats.rss_bytes.unwrap() > 1 << 20 && !stats.epochs_run_out);
        assert!(said(&run(folder.path(), &["stats"])).contains("half_open        0"));
        serving.signal("-TERM");
        let (code, log) = serving.wait();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("serving") && log.contains("stopped"), "{log}");
        assert!(!folder.path().join("admin.sock").exists());
        assert_eq!(run(folder.path(), &["healthcheck"]).status.code(), Some(1));
        assert_eq!(run(folder.path(), &["stats"]).status.code(), Some(1));
    }
}

#[test]
fn several_edges_are_served_checked_and_told_of() {
    let (folder, first) = init(&["--no-tls"]);
    let port = free_port();
    let config = folder.path().join("server.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let edge = format!("\n[[edge]]\nlisten = \"127.0.0.1:{port}\"\nhost = \"127.0.0.1\"\n");
    std::fs::write(&config, text + &edge).unwrap();
    let second = Address {
        edge: edgewise_spec::link::Edge { port: port.parse().unwrap(), ..first.edge.clone() },
        ..first.clone()
    };
    let addresses = said(&run(folder.path(), &["address"]));
    assert_eq!(addresses, format!("{first}\n{second}"));
    let checked = said(&run(folder.path(), &["check-config"]));
    assert!(checked.contains(&second.to_string()), "{checked}");
    let serving = Serving::start(folder.path());
    let stats: Stats =
        serde_json::from_str(&said(&run(folder.path(), &["stats", "--json"]))).unwrap();
    let places: Vec<_> = stats.edges.iter().map(|edge| edge.address.clone()).collect();
    assert_eq!(places, [first.edge.to_string(), second.edge.to_string()]);
    assert!(stats.edges.iter().all(|edge| edge.serving));
    serving.signal("-HUP");
    serving.signal("-TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    for address in [first, second] {
        assert!(log.contains(&address.to_string()), "{log}");
    }
    assert_eq!(run(folder.path(), &["healthcheck"]).status.code(), Some(1));
}

#[test]
fn init_overwrites_nothing() {
    let (folder, _) = init(&[]);
    let before = std::fs::read(folder.path().join("identity.key")).unwrap();
    for present in ["identity.key", "epochs.toml", "server.toml"] {
        let output = run(folder.path(), &["init", "--host", "127.0.0.1"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(complained(&output).contains("is not overwritten"), "{}", complained(&output));
        assert_eq!(std::fs::read(folder.path().join("identity.key")).unwrap(), before);
        let _ = present;
    }
    std::fs::remove_file(folder.path().join("identity.key")).unwrap();
    let output = run(folder.path(), &["init", "--host", "127.0.0.1"]);
    assert!(complained(&output).contains("epochs.toml"), "{}", complained(&output));
    assert!(!folder.path().join("identity.key").exists(), "nothing is made by half");
}

#[test]
fn a_server_that_was_killed_starts_again() {
    let (folder, _) = init(&["--no-tls"]);
    let serving = Serving::start(folder.path());
    serving.signal("-KILL");
    assert_eq!(serving.wait().0, None);
    assert!(folder.path().join("admin.sock").exists(), "left behind");
    let serving = Serving::start(folder.path());
    serving.signal("-HUP");
    serving.signal("-INT");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_port_in_use_says_so() {
    let (folder, address) = init(&["--no-tls"]);
    let _other = TcpListener::bind(("0.0.0.0", address.edge.port)).unwrap();
    let config = folder.path().join("server.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[::]", "0.0.0.0")).unwrap();
    let output = run(folder.path(), &["serve"]);
    assert_eq!(output.status.code(), Some(1));
    let message = complained(&output);
    assert!(message.contains("Another program listens there"), "{message}");
}

#[test]
fn a_second_server_on_the_same_admin_socket_says_so() {
    let (folder, _) = init(&["--no-tls"]);
    let _serving = Serving::start(folder.path());
    let config = folder.path().join("server.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let line = text.lines().find(|line| line.starts_with("listen")).unwrap();
    let other = text.replace(line, &format!("listen = \"127.0.0.1:{}\"", free_port()));
    std::fs::write(folder.path().join("other.toml"), other).unwrap();
    let output = run(folder.path(), &["serve", "--config", "other.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complained(&output).contains("another server"), "{}", complained(&output));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (folder, _) = init(&[]);
    for (name, contents, wanted) in [
        ("epochs.toml", None, "epochs.toml"),
        ("epochs.toml", Some(""), "holds no epoch"),
        ("certificate.pem", None, "certificate.pem"),
        ("certificate-key.pem", Some("nonsense"), "certificate-key.pem"),
        ("server.toml", Some("listen = 1"), "server.toml"),
        ("server.toml", None, "edgewise-server init"),
    ] {
        let path = folder.path().join(name);
        let kept = std::fs::read(&path).unwrap();
        match contents {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        for command in ["serve", "check-config"] {
            let output = run(folder.path(), &[command]);
            let message = complained(&output);
            assert!(matches!(output.status.code(), Some(1 | 2)), "{name}: {message}");
            assert!(message.contains(wanted), "{command}, {name}: {message}");
        }
        std::fs::write(&path, kept).unwrap();
    }
    assert!(run(folder.path(), &["check-config"]).status.success());
}

#[test]
fn epochs_that_are_over_or_to_come_say_what_to_do() {
    use edgewise_server::keyfile::{read_identity, sign_epoch, write_epochs};
    let (folder, _) = init(&["--no-tls"]);
    let identity = read_identity(&folder.path().join("identity.key")).unwrap();
    for (number, wanted) in [(1_000, "edgewise-server epochs"), (1_000_000, "clock is behind")] {
        let epoch = sign_epoch(&identity, number, 86_400, &mut crate::peer::rng());
        write_epochs(&folder.path().join("epochs.toml"), &[epoch]).unwrap();
        let output = run(folder.path(), &["serve"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(complained(&output).contains(wanted), "{}", complained(&output));
    }
    let output = run(folder.path(), &["epochs", "--days", "3"]);
    assert!(output.status.success(), "{}", complained(&output));
}

#[test]
fn epochs_are_extended_where_the_identity_is_and_another_identity_is_refused() {
    let (folder, _) = init(&["--no-tls", "--days", "2"]);
    let checked = said(&run(folder.path(), &["check-config"]));
    assert!(checked.contains("signed for 1 more days"), "{checked}");
    let serving = Serving::start(folder.path());
    let stats: Stats =
        serde_json::from_str(&said(&run(folder.path(), &["stats", "--json"]))).unwrap();
    assert!(stats.epochs_run_out);
    let output = run(folder.path(), &["epochs", "--days", "40"]);
    assert!(said(&output).starts_with("40 epochs, 39 days ahead"), "{}", said(&output));
    serving.signal("-HUP");
    let start = Instant::now();
    loop {
        let stats = said(&run(folder.path(), &["stats", "--json"]));
        if !serde_json::from_str::<Stats>(&stats).unwrap().epochs_run_out {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "the epochs were not read again");
    }
    serving.signal("-TERM");
    let (_, log) = serving.wait();
    assert!(log.contains("the signed epochs run out"), "{log}");
    let (other, _) = init(&["--no-tls"]);
    let foreign = other.path().join("identity.key");
    let output = run(folder.path(), &["epochs", "--identity", foreign.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).contains("another identity"), "{}", complained(&output));
}

#[test]
fn an_access_password_becomes_a_key_that_the_configuration_takes() {
    let (folder, _) = init(&["--no-tls"]);
    let mut child = program()
        .current_dir(folder.path())
        .arg("access-key")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    let line = said(&child.wait_with_output().unwrap());
    let config = folder.path().join("server.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("# access_key = \"...\"", &line)).unwrap();
    let checked = said(&run(folder.path(), &["check-config"]));
    assert!(checked.contains("password:  asked for"), "{checked}");
    let empty = run(folder.path(), &["access-key"]);
    assert_eq!(empty.status.code(), Some(2), "no password");
}

#[test]
fn the_version_lists_features_and_no_mutants_in_a_default_build() {
    let folder = tempfile::tempdir().unwrap();
    let version = said(&run(folder.path(), &["--version"]));
    assert!(version.contains("specification revision 1"), "{version}");
    assert_eq!(version.contains("mutants"), cfg!(feature = "mutants"), "{version}");
    assert_eq!(version.contains("aws-lc"), cfg!(feature = "aws-lc"), "{version}");
}

#[test]
fn usage_is_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["init"][..],
        &["init", "--host", "a b"],
        &["init", "--host", "x.example", "--port", "0"],
        &["serve", "--config", "nowhere.toml"],
        &["epochs"],
        &["stats"],
        &[],
    ] {
        assert_eq!(run(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_full_table_of_files_is_waited_out() {
    let (folder, address) = init(&["--no-tls"]);
    let script = format!("ulimit -n 40; exec {} serve", env!("CARGO_BIN_EXE_edgewise-server"));
    let child = Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", &script])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let serving = Serving(child);
    let start = Instant::now();
    while !run(folder.path(), &["healthcheck"]).status.success() {
        assert!(start.elapsed() < Duration::from_secs(20), "never healthy");
        std::thread::sleep(Duration::from_millis(20));
    }
    let to = ("127.0.0.1", address.edge.port);
    let sockets: Vec<_> = (0..60).map(|_| std::net::TcpStream::connect(to).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(run(folder.path(), &["healthcheck"]).status.code(), Some(1), "the table is full");
    drop(sockets);
    let start = Instant::now();
    while !run(folder.path(), &["healthcheck"]).status.success() {
        assert!(start.elapsed() < Duration::from_secs(20), "never healthy again");
        std::thread::sleep(Duration::from_millis(20));
    }
    serving.signal("-TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("cannot accept") && log.contains("too few open files"), "{log}");
}

#[test]
fn as_a_server_under_test_it_says_ready_and_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program()
        .current_dir(folder.path())
        .arg("conformance")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let start = ServerStart { spec_revision: 1, clock: 2, ..ServerStart::default() };
    let message = start.encode_to_vec();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&u32::try_from(message.len()).unwrap().to_be_bytes()).unwrap();
    input.write_all(&message).unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut length = [0; 4];
    output.read_exact(&mut length).unwrap();
    let mut ready = vec![0; u32::from_be_bytes(length) as usize];
    output.read_exact(&mut ready).unwrap();
    let ready = ServerReady::decode(ready.as_slice()).unwrap();
    assert!(ready.address.parse::<Address>().is_ok_and(|address| !address.tls));
    assert_eq!(ready.capabilities, ["clock", "restart", "access", "full"]);
    drop(input);
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "nothing but ServerReady");
    assert!(child.wait().unwrap().success());
}

#[test]
fn another_revision_and_garbage_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let other = ServerStart { spec_revision: 2, ..ServerStart::default() }.encode_to_vec();
    let framed = [&u32::try_from(other.len()).unwrap().to_be_bytes()[..], &other].concat();
    for (input, wanted) in [
        (&framed[..], "revision 2"),
        (b"", "standard input"),
        (b"\xff\xff\xff\xff", "its length is said to be"),
        (b"\0\0\0\x05ab", "it ends early"),
        (b"\0\0\0\x01\x0a", "no ServerStart"),
    ] {
        let mut child = program()
            .current_dir(folder.path())
            .arg("conformance")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        assert!(complained(&output).contains(wanted), "{}", complained(&output));
    }
}
