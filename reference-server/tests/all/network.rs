//! Ten groups on one machine: with one word, unlinked, and nobody dials.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::Ordering;

use edgewise_proto::v1::result::Outcome;
use edgewise_proto::v1::{self, item::Body};
use edgewise_server::network::{Network, PROFILE_S};
use edgewise_spec::connection::Role;
use edgewise_spec::frame::Class;
use edgewise_spec::link::{Address, Description, describe};

use crate::peer::{self, Keys, Link, connect, describe_with};

/// A network as a program; killed when the test is done with it.
struct Program {
    child: Child,
    /// Group by group.
    addresses: Vec<Vec<Address>>,
    _output: BufReader<ChildStdout>,
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgewise-server"));
    command.arg("network").args(arguments).stdin(Stdio::null());
    command
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments).arg("--json").stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(said["kind"], "network");
        let addresses = |group: &serde_json::Value| {
            let texts = group["addresses"].as_array().unwrap().iter();
            texts.map(|text| text.as_str().unwrap().parse().unwrap()).collect()
        };
        let addresses = said["groups"].as_array().unwrap().iter().map(addresses).collect();
        Self { child, addresses, _output: output }
    }

    fn ports(&self) -> BTreeSet<u16> {
        self.addresses.iter().flatten().map(|address| address.edge.port).collect()
    }

    fn signal(&mut self, name: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn one_word_brings_up_ten_groups_and_ctrl_c_ends_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("network.txt");
    let mut network = Program::start(&["--profile", "s", "--addresses", file.to_str().unwrap()]);
    let fingerprints: BTreeSet<_> =
        network.addresses.iter().flatten().map(|address| address.fingerprint).collect();
    assert_eq!((network.addresses.len(), fingerprints.len(), network.ports().len()), (10, 10, 20));
    let text = std::fs::read_to_string(&file).unwrap();
    let listed: Vec<Address> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.parse().unwrap())
        .collect();
    let firsts: Vec<_> = network.addresses.iter().map(|group| group[0].clone()).collect();
    assert_eq!(listed, firsts);
    let mut open = Vec::new();
    for group in &network.addresses {
        let places: BTreeSet<_> = group.iter().map(|address| address.edge.to_string()).collect();
        assert_eq!(places.len(), 2);
        for address in group {
            let carrier = connect(([127, 0, 0, 1], address.edge.port).into()).await;
            let block = describe_with(&carrier, &describe::request_block()).await.unwrap();
            let read = Description::read(&block, &address.fingerprint).unwrap();
            let edges: BTreeSet<_> = read.edges.iter().map(ToString::to_string).collect();
            assert_eq!(edges, places);
            open.push(carrier);
        }
    }
    // Whatever the process has open to others came in through one of its listeners.
    let ports = network.ports();
    let sockets = sockets_of(network.child.id());
    assert!(sockets.len() >= 40, "{} sockets", sockets.len());
    for (local, state) in sockets {
        assert!(ports.contains(&local), "a socket of port {local} in state {state}");
    }
    assert_eq!(network.signal("-INT"), Some(0));
    for port in ports {
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "{port} listens");
    }
}

#[test]
fn profile_l_is_ten_groups_of_twenty_on_the_ports_that_are_asked_for() {
    // Somebody else may take one of them meanwhile: not ten times over.
    let mut network = None;
    for _ in 0..10 {
        let base = 20_000 + u16::from(peer_byte()) * 40;
        let mut tried = program(&["--profile", "l", "--base-port", &base.to_string(), "--json"]);
        let mut child = tried.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            assert_eq!(child.wait().unwrap().code(), Some(1));
            continue;
        }
        network = Some((child, base, line));
        break;
    }
    let (mut child, base, line) = network.expect("200 free ports in a row");
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    let mut next = base;
    for group in said["groups"].as_array().unwrap() {
        for address in group["addresses"].as_array().unwrap() {
            let address: Address = address.as_str().unwrap().parse().unwrap();
            assert_eq!(address.edge.port, next);
            next += 1;
        }
    }
    assert_eq!(next, base + 200);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn peer_byte() -> u8 {
    use rand_core::Rng as _;
    peer::rng().next_u64().to_be_bytes()[0]
}

#[test]
fn what_cannot_be_is_refused() {
    for (arguments, code, wanted) in [
        (&["--base-port", "65530"][..], 2, "`--base-port` cannot be 65530"),
        (&["--base-port", "0"], 2, "base-port"),
        (&["--profile", "m"], 2, "profile"),
        (&["--addresses", "/nowhere/network.txt"], 1, "/nowhere/network.txt"),
    ] {
        let output = program(arguments).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(wanted), "{message}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // Above it there would be no room, which is another refusal.
    assert!(port <= u16::MAX - 20, "a system that hands out its last ports first");
    let output = program(&["--base-port", &port.to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("Another program listens"));
}

#[test]
fn without_a_terminal_it_says_once_where_everything_is() {
    let mut child = program(&[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said: Vec<_> = lines.by_ref().take(22).map(Result::unwrap).collect();
    assert!(said[0].starts_with("group  1  edgewise://"), "{said:?}");
    assert!(said[1].trim_start().starts_with("also at 127.0.0.1:"), "{said:?}");
    assert!(said[21].contains("ctrl-c"), "{said:?}");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(lines.count(), 0, "nothing is drawn where nobody looks");
}

/// One connection of each group: made at one edge, and its parts sent and delivered at both.
async fn traffic(network: &Network) -> Vec<Keys> {
    let mut made = Vec::new();
    for group in network.groups() {
        let keys = Keys::new(group, Class::Small);
        let mut medium = Link::open_at(group, 0, Class::Medium).await;
        let create = keys.create(group, &medium);
        assert!(matches!(medium.ask(create).await, Outcome::Created(_)));
        let claim = keys.claim(group, &medium);
        assert!(matches!(medium.ask(claim).await, Outcome::Claimed(_)));
        let mut recipient = Link::open_at(group, 1, Class::Small).await;
        let attach = keys.attach(&recipient, Role::Recipient, 0);
        assert!(matches!(recipient.ask(attach).await, Outcome::Attached(_)));
        let subscribe = v1::Subscribe { handle: 0, window_parts: 4, window_bytes: 1 << 16 };
        assert!(matches!(recipient.ask(Body::Subscribe(subscribe)).await, Outcome::Subscribed(_)));
        let mut sender = Link::open_at(group, 0, Class::Small).await;
        let attach = keys.attach(&sender, Role::Sender, 0);
        assert!(matches!(sender.ask(attach).await, Outcome::Attached(_)));
        for submission in 0..4 {
            let part = keys.part();
            sender.done(Body::Send(v1::Send { handle: 0, submission, part })).await;
            let item = recipient.next().await.unwrap();
            assert!(matches!(item.body, Some(Body::Deliver(_))), "{item:?}");
        }
        made.push(keys);
    }
    made
}

#[tokio::test]
async fn groups_share_nothing() {
    let network = Network::start(PROFILE_S, None).await.unwrap();
    let made = traffic(&network).await;
    for (index, group) in network.groups().iter().enumerate() {
        let stats = group.stats();
        assert_eq!((stats.connections, stats.parts), (1, 4), "group {index}");
        for (other, keys) in made.iter().enumerate() {
            let mut link = Link::open_at(group, other % 2, Class::Small).await;
            let attach = keys.attach(&link, Role::Recipient, 0);
            let known = matches!(link.ask(attach).await, Outcome::Attached(_));
            assert_eq!(known, other == index, "connection {other} at group {index}");
        }
    }
    network.shutdown().await;
}

/// Ports and states of the TCP sockets of a process; whatever is no TCP socket is a failure.
fn sockets_of(process: u32) -> Vec<(u16, String)> {
    let mut inodes = BTreeSet::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/fd")).unwrap() {
        let Ok(link) = std::fs::read_link(entry.unwrap().path()) else { continue };
        let link = link.to_string_lossy().into_owned();
        if let Some(inode) = link.strip_prefix("socket:[") {
            inodes.insert(inode.trim_end_matches(']').to_owned());
        }
    }
    let mut sockets = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
        let path = format!("/proc/{process}/net/{table}");
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            if inodes.contains(fields[9]) {
                assert!(table.starts_with("tcp"), "a socket of {table}: {line}");
                let (_, port) = fields[1].rsplit_once(':').unwrap();
                sockets.push((u16::from_str_radix(port, 16).unwrap(), fields[3].to_owned()));
            }
        }
    }
    sockets
}

/// The inner half of the next test: in a network where nobody else is, every connection that was
/// ever begun was begun by a client.
#[tokio::test]
#[ignore = "run by nobody_but_clients_dials, in a network namespace of its own"]
async fn inside_a_namespace() {
    let network = Network::start(PROFILE_S, None).await.unwrap();
    assert_eq!(counter("Tcp:", "ActiveOpens"), 0, "starting dials nobody");
    let _ = traffic(&network).await;
    network.groups()[3].edges()[0].lose();
    for group in network.groups() {
        group.reload();
    }
    let dials = peer::DIALS.load(Ordering::Relaxed);
    assert!(dials >= 30, "{dials} dials");
    network.shutdown().await;
    assert_eq!(counter("Tcp:", "ActiveOpens"), dials, "somebody else has dialled");
    for kind in ["Udp:", "UdpLite:"] {
        assert_eq!(counter(kind, "OutDatagrams"), 0, "{kind} somebody asks for names, perhaps");
    }
    println!("NAMESPACE-DONE {dials}");
}

/// What the system has counted in this network namespace.
fn counter(kind: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/net/snmp").unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with(kind));
    let names = lines.next().unwrap().split_whitespace();
    let values = lines.next().unwrap().split_whitespace();
    let (_, value) = names.zip(values).find(|(found, _)| *found == name).unwrap();
    value.parse().unwrap()
}

#[test]
fn nobody_but_clients_dials() {
    let own = std::env::current_exe().unwrap();
    let inside = "ip link set lo up || exit 77; exec \"$0\" network::inside_a_namespace \
                  --exact --ignored --nocapture";
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "sh", "-c", inside])
        .arg(own)
        .output();
    let skip = |why: &str| {
        println!("SKIPPED: no network namespace could be made here ({why}); nothing was shown");
        assert!(std::env::var_os("EDGEWISE_NAMESPACES").is_none(), "namespaces are required");
    };
    let output = match ran {
        Ok(output) => output,
        Err(error) => return skip(&error.to_string()),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || complained.contains("unshare:") {
        return skip(&complained);
    }
    assert!(output.status.success() && said.contains("NAMESPACE-DONE"), "{said}\n{complained}");
}

/// The server's own sources have no way out but in the command that asks the operator's own server.
#[test]
fn no_source_dials() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![folder];
    let mut found = BTreeSet::new();
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            read += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            let ways = ["TcpStream::connect", ".connect(", "UdpSocket", "lookup_host", "Connector"];
            if ways.iter().any(|way| text.contains(way)) {
                found.insert(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    assert!(read > 30, "{read} files");
    // `healthcheck` and `stats` are commands of the operator's; neither runs in a server.
    assert_eq!(found, ["health.rs"].map(str::to_owned).into());
}
