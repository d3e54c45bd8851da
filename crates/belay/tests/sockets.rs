//! `belay sockets`: what it lists, writes down and finds, from files and from the running system.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const TABLE: &str = r#"
[[netns]]
name = "host"
devices = [{ name = "eth0", ifindex = 2, addresses = ["10.0.0.1/24"] }]
nsids = { "0" = "blue" }
[[netns]]
name = "blue"
[[tcp]]
state = "listen"
local = "0.0.0.0:22"
uid = 5
cookie = 1
[[tcp]]
state = "listen"
local = "10.0.0.1:22"
device = "eth0"
cookie = 2
[[tcp]]
state = "time_wait"
local = "10.0.0.1:22"
remote = "10.0.0.2:4000"
cookie = 3
[[tcp]]
netns = "blue"
state = "listen"
local = "[::]:80"
cookie = 4
[[udp]]
local = "[fd00::1]:53"
remote = "[fd00::2]:5353"
mark = 7
cookie = 5
"#;

fn belay(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_belay"))
        .arg("sockets")
        .args(args)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env_remove("BELAY_FORMAT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // What is refused for its arguments reads nothing.
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), stdin.as_bytes());
    child.wait_with_output().expect("the binary ends")
}

fn told(output: &Output) -> (i32, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_list_is_aligned_as_that_of_ss() {
    let output = belay(&["list", "--sockets", "-"], TABLE);
    let expected = "\
Netid  State      Local Address:Port  Peer Address:Port  Netns  Options
tcp    LISTEN     0.0.0.0:22          0.0.0.0:*          host   uid:5
tcp    LISTEN     10.0.0.1%eth0:22    0.0.0.0:*          host
tcp    TIME-WAIT  10.0.0.1:22         10.0.0.2:4000      host
tcp    LISTEN     *:80                *:*                blue
udp    ESTAB      [fd00::1]:53        [fd00::2]:5353     host   mark:7
";
    assert_eq!(told(&output), (0, expected, ""));
}

#[test]
fn filters_hold_together() {
    let ports = |args: &[&str]| {
        let output = belay(&[&["list", "--sockets", "-", "--json"], args].concat(), TABLE);
        let cookies: Vec<u64> = json(&output)["sockets"]
            .as_array()
            .expect("sockets")
            .iter()
            .map(|socket| socket["cookie"].as_u64().expect("a cookie"))
            .collect();
        cookies
    };
    assert_eq!(ports(&[]), [1, 2, 3, 4, 5]);
    assert_eq!(ports(&["--state", "LISTEN"]), [1, 2, 4]);
    assert_eq!(ports(&["--state", "listening", "--netns", "host"]), [1, 2]);
    assert_eq!(ports(&["--state", "time-wait", "--state", "estab"]), [3, 5]);
    assert_eq!(ports(&["--protocol", "udp"]), [5]);
    assert_eq!(ports(&["--port", "22", "--address", "10.0.0.0/8"]), [2, 3]);
    assert_eq!(ports(&["--port", "4000"]), [3]);
    assert_eq!(ports(&["--address", "fd00::/64"]), [5]);
    assert_eq!(ports(&["--netns", "blue", "--port", "22"]), [0u64; 0]);
}

#[test]
fn json_holds_every_field() {
    let document = json(&belay(&["list", "--sockets", "-", "--format", "json", "--port", "5353"], TABLE));
    let expected = serde_json::json!({
        "schema": 1,
        "sockets": [{
            "netns": "host", "protocol": "udp", "state": "established", "family": 6,
            "local": "[fd00::1]:53", "remote": "[fd00::2]:5353", "device": null, "v6only": true,
            "reuseport": false, "reuseaddr": false, "uid": 0, "mark": 7, "priority": 0, "cookie": 5, "rx_queue": -1,
        }],
    });
    assert_eq!(document, expected);
}

#[test]
fn a_lookup_says_which_socket_and_why() {
    let find = |args: &[&str]| {
        let output = belay(&[&["lookup", "--sockets", "-"], args].concat(), TABLE);
        let (code, out, err) = told(&output);
        (code, format!("{out}{err}"))
    };
    let expected = "\
exact flow: socket#2 (tcp time_wait 10.0.0.1:22 <- 10.0.0.2:4000) fits
found: socket#2 tcp time_wait 10.0.0.1:22 <- 10.0.0.2:4000 (cookie 3, counted)
";
    assert_eq!(find(&["tcp", "10.0.0.2:4000", "10.0.0.1:22"]), (0, expected.into()));
    assert_eq!(find(&["tcp 10.0.0.2:4000 -> 10.0.0.1:22"]), (0, expected.into()));
    let expected = "\
exact flow: socket#2 (tcp time_wait 10.0.0.1:22 <- 10.0.0.2:4000) fits
answer: socket#2 (tcp time_wait 10.0.0.1:22 <- 10.0.0.2:4000) is a time-wait socket: only `bpf_skc_lookup_tcp` returns it
found: nothing
";
    assert_eq!(find(&["tcp", "10.0.0.2:4000", "10.0.0.1:22", "--helper", "sk"]), (1, expected.into()));
    let other = ["tcp", "10.0.0.3:4000", "10.0.0.1:22"];
    let expected = "\
listeners at this address: socket#1 (tcp listen 10.0.0.1:22) does not fit: bound to another device
wildcard listeners: socket#0 (tcp listen 0.0.0.0:22) fits, score 2
found: socket#0 tcp listen 0.0.0.0:22 (cookie 1, not counted)
";
    assert_eq!(find(&other), (0, expected.into()));
    let (code, text) = find(&[&other[..], &["--device", "eth0"]].concat());
    assert_eq!(code, 0);
    assert!(text.ends_with("found: socket#1 tcp listen 10.0.0.1:22 (cookie 2, not counted)\n"), "{text}");
    let (code, text) =
        find(&["tcp", "192.0.2.1:1", "192.0.2.2:80", "--netns", "blue", "--format", "concise"]);
    assert_eq!((code, text.as_str()), (0, "found: socket#3 tcp listen [::]:80 (cookie 4, not counted)\n"));

    let document =
        json(&belay(&[&["lookup", "--sockets", "-", "--format", "json"], &other[..]].concat(), TABLE));
    assert_eq!(
        (document["found"]["cookie"].as_u64(), document["query"]["helper"].as_str()),
        (Some(1), Some("bpf_skc_lookup_tcp"))
    );
    assert_eq!(
        (document["steps"][0]["fits"].as_bool(), document["steps"][1]["fits"].as_bool()),
        (Some(false), Some(true))
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let cases: [(&[&str], &str); 9] = [
        (
            &["lookup", "--sockets", "-", "tcp"],
            "write a protocol and the packet's two ends, `tcp 10.0.0.2:4000 10.0.0.1:22`",
        ),
        (
            &["lookup", "--sockets", "-", "sctp", "10.0.0.2:1", "10.0.0.1:2"],
            "no protocol `sctp`: write a protocol and the packet's two ends, `tcp 10.0.0.2:4000 10.0.0.1:22`",
        ),
        (
            &["lookup", "--sockets", "-", "udp", "10.0.0.2:1", "[::1]:2"],
            "`10.0.0.2:1` and `[::1]:2` are of different families",
        ),
        (
            &["lookup", "--sockets", "-", "udp", "10.0.0.2", "10.0.0.1:2"],
            "cannot read `10.0.0.2`: write an address and a port, as `10.0.0.1:22` or `[2001:db8::1]:22`",
        ),
        (
            &["lookup", "--sockets", "-", "--helper", "skc", "udp", "10.0.0.2:1", "10.0.0.1:2"],
            "`--helper skc` is `bpf_skc_lookup_tcp`: there is none for udp",
        ),
        (
            &["lookup", "--sockets", "-", "--device", "wlan0", "udp", "10.0.0.2:1", "10.0.0.1:2"],
            "no device `wlan0`: write one of `lo`, `eth0`",
        ),
        (&["list", "--sockets", "-", "--netns", "red"], "no namespace `red`: write one of `host`, `blue`"),
        (
            &["list", "--sockets", "-", "--address", "10.0.0"],
            "`10.0.0` is no address: write `10.0.0.1`, `10.0.0.0/8` or `fd00::/64`",
        ),
        (
            &["list", "--netns", "no-such-namespace"],
            "network namespace `no-such-namespace`: cannot open `/run/netns/no-such-namespace`: No such file or directory (os error 2)",
        ),
    ];
    for (args, message) in cases {
        let output = belay(args, TABLE);
        assert_eq!(told(&output), (2, "", format!("belay: error: {message}\n").as_str()), "{args:?}");
    }
    let broken = belay(&["list", "--sockets", "-"], "[[tcp]]\nlocal = 1\n");
    assert_eq!(broken.status.code(), Some(2));
    assert!(told(&broken).2.starts_with("belay: error: <stdin>:2:9: "), "{}", told(&broken).2);
}

/// A process that goes on until it is ended, and the lines that it prints.
struct Following {
    child: std::process::Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Following {
    fn of(mut command: Command) -> Following {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let output = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            std::io::BufRead::lines(output).map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Following { child, lines }
    }

    /// The next line that contains a text.
    fn until(&self, wanted: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(std::time::Duration::from_secs(20));
            let line = line.unwrap_or_else(|why| panic!("no line with {wanted}: {why}"));
            if line.contains(wanted) {
                return line;
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sockets_are_told_as_they_come_and_go() {
    if belay_linux::Kernel::for_test("sockets_are_told_as_they_come_and_go").is_none() {
        return;
    }
    let netns = belay_linux::NetNs::with_loopback().expect("a namespace");
    let bind = |at: &str| netns.run(|| std::net::TcpListener::bind(at)).expect("inside").expect("bound");
    let there = bind("127.0.0.1:7001");
    // The process is in the namespace that it is started in.
    let start = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
        command.args(["sockets", "list", "--follow"]).args(args).env_remove("BELAY_FORMAT");
        netns.run(|| Following::of(command)).expect("inside")
    };
    let (text, json) = (start(&["--protocol", "tcp"]), start(&["--port", "7002", "--json"]));
    assert!(text.until("Local Address").starts_with("  Netid"));
    assert_eq!(text.until("7001"), "  tcp    LISTEN      127.0.0.1:7001            0.0.0.0:*");
    let coming = bind("127.0.0.1:7002");
    let event = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    let came = event(&json.until("7002"));
    assert!(["there", "came"].iter().any(|word| came["event"] == *word), "{came}");
    assert_eq!(came["socket"]["state"], "listen");
    assert_eq!(text.until("7002"), "+ tcp    LISTEN      127.0.0.1:7002            0.0.0.0:*");
    drop(coming);
    assert_eq!(text.until("7002"), "- tcp    LISTEN      127.0.0.1:7002            0.0.0.0:*");
    let went = event(&json.until("7002"));
    assert_eq!((&went["event"], &went["socket"]), (&"went".into(), &came["socket"]));
    // A connection that is closed by the one who made it waits: it changes, and does not go.
    let connected = netns.run(|| std::net::TcpStream::connect("127.0.0.1:7001")).expect("inside");
    let client = connected.expect("connected");
    let (accepted, _) = there.accept().expect("accepted");
    let own = format!("{}  127.0.0.1:7001", client.local_addr().expect("an address"));
    assert!(text.until("ESTAB").starts_with("+ tcp"));
    drop(client);
    drop(accepted);
    let waits = text.until("TIME-WAIT");
    assert!(
        waits.starts_with("~ tcp")
            && waits
                .split_whitespace()
                .eq(["~", "tcp", "TIME-WAIT"].into_iter().chain(own.split_whitespace())),
        "{waits}"
    );
    let refused = belay(&["list", "--follow", "--sockets", "-"], TABLE);
    assert_eq!(refused.status.code(), Some(2));
}

/// Without root as well: whoever runs the test sees its own listener.
#[test]
fn this_host_is_written_down_listed_and_searched() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let at = listener.local_addr().expect("an address");
    let dumped = belay(&["dump", "-q"], "");
    let (code, text, notes) = told(&dumped);
    assert_eq!((code, notes), (0, ""));
    assert!(text.contains(&format!("local = \"{at}\"")), "{text}");
    let listed =
        belay(&["list", "--sockets", "-", "--port", &at.port().to_string(), "--state", "listen"], text);
    assert!(told(&listed).1.contains(&at.to_string()), "{}", told(&listed).1);
    let found = belay(&["lookup", "-q", "tcp", "127.0.0.1:9", &at.to_string()], "");
    let (code, out, _) = told(&found);
    assert_eq!(code, 0);
    assert!(out.starts_with("found: ") && out.contains(&format!("tcp listen {at} ")), "{out}");
    drop(listener);
}
