//! The flag table: every verb, flag and default.

use belay_sockets::Protocol;
use belay_spec::Release;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Socket-aware BPF, verified
#[derive(Parser, Debug)]
#[command(name = "belay", version, about, disable_help_subcommand = true)]
#[command(
    after_help = "Exit status: 0 accepted or clean, 1 rejected or findings, 2 usage, input or internal error."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Say what a kernel's verifier would say, without a kernel and without root
    Verify(VerifyArgs),
    /// Verify a program, then run it on recorded packets with the sockets of a file
    Run(RunArgs),
    /// Run scenarios: packets and other events, sockets and maps, and what a program shall do with them
    Test(TestArgs),
    /// Print the programs of an object with their source lines
    Disasm(DisasmArgs),
    /// Explain an error code; without one, list all codes
    Explain(ExplainArgs),
    /// List this host's sockets, write them down, look a packet's socket up
    #[command(subcommand)]
    Sockets(SocketsVerb),
    /// Ask the running kernel (needs root)
    #[command(subcommand)]
    Kernel(KernelVerb),
}

#[derive(Subcommand, Debug)]
pub(crate) enum KernelVerb {
    /// Load an object's programs into the running kernel, and print its verdicts
    Verify(KernelVerifyArgs),
    /// Record what the running kernel allows, for `--kernel FILE` on any machine
    Profile(KernelProfileArgs),
}

#[derive(Subcommand, Debug)]
pub(crate) enum SocketsVerb {
    /// List sockets as `ss` does: those of this host, of a namespace, or of a file
    List(SocketsListArgs),
    /// Write the sockets of this host down, as a file for `--sockets`
    Dump(SocketsDumpArgs),
    /// Say which socket a packet would find, and why that one
    Lookup(SocketsLookupArgs),
}

#[derive(Args, Debug)]
pub(crate) struct SocketSource {
    /// Socket table (docs/sockets.md) instead of this host's sockets; `-` is standard input
    #[arg(long, value_name = "TOML")]
    pub(crate) sockets: Option<String>,
    /// Network namespace: a name of `ip netns`, a path, a process id, or with `--sockets` a name in the file; may be
    /// given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) netns: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct SocketsListArgs {
    #[command(flatten)]
    pub(crate) source: SocketSource,
    /// Only sockets of this protocol
    #[arg(long, value_enum)]
    pub(crate) protocol: Option<SocketProtocol>,
    /// Only sockets in this state, `listen` or `time-wait`, or as `ss` writes it; may be given several times
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Vec<String>,
    /// Only sockets with this port at either end; may be given several times
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Vec<u16>,
    /// Only sockets with this address at either end, `10.0.0.1` or `10.0.0.0/8`; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Vec<String>,
    /// Then tell which come (`+`), change (`~`) and go (`-`), until interrupted
    #[arg(short, long, conflicts_with = "sockets")]
    pub(crate) follow: bool,
    /// The same as `--format json`
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SocketsDumpArgs {
    /// Network namespace: a name of `ip netns`, a path, or a process id; may be given several times, the first is where
    /// programs run
    #[arg(long, value_name = "NAME")]
    pub(crate) netns: Vec<String>,
    /// With what `struct bpf_tcp_sock` shows of each connection
    #[arg(long)]
    pub(crate) tcp_info: bool,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<String>,
    /// No notes on what could not be read
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The source is the packet's sender: `belay sockets lookup tcp 192.0.2.9:4000 192.0.2.1:22`.\n\n\
        Exit status: 0 a socket is found, 1 none is, 2 usage, input or internal error."
)]
pub(crate) struct SocketsLookupArgs {
    /// Protocol, source and destination of the packet
    #[arg(required = true, value_names = ["PROTOCOL", "SOURCE", "DESTINATION"], num_args = 1..)]
    pub(crate) packet: Vec<String>,
    /// The device that the packet comes from; without it, no socket that is bound to a device is found
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// As which helper: `sk` is `bpf_sk_lookup_tcp` or `_udp`, `skc` is `bpf_skc_lookup_tcp` and what tcp does if not given
    #[arg(long, value_enum)]
    pub(crate) helper: Option<LookupHelper>,
    #[command(flatten)]
    pub(crate) source: SocketSource,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// A protocol with sockets.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocketProtocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl SocketProtocol {
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            SocketProtocol::Tcp => Protocol::Tcp,
            SocketProtocol::Udp => Protocol::Udp,
        }
    }
}

/// A helper that looks sockets up.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookupHelper {
    /// Full sockets: `bpf_sk_lookup_tcp`, `bpf_sk_lookup_udp`
    Sk,
    /// Request and time-wait sockets, too: `bpf_skc_lookup_tcp`
    Skc,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Objects as clang makes them, or assembly text; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) kernels: Kernels,
    /// Only the program of this name; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Vec<String>,
    /// Exit 0 even if a program is rejected
    #[arg(long)]
    pub(crate) exit_zero: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Kernels {
    /// Kernels to judge by, separated by commas: 6.1, 6.12, 6.18, or files that `belay kernel profile` recorded
    #[arg(long = "kernel", value_name = "KERNEL", value_delimiter = ',', default_value = "6.18")]
    pub(crate) names: Vec<String>,
    /// How many processors the machine has; without it, what a recorded profile says, and of a release the most that any has
    #[arg(long = "cpus", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8192))]
    pub(crate) cpus: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Object as clang makes it, or assembly text; `-` is standard input
    #[arg(value_name = "OBJECT")]
    pub(crate) object: String,
    /// Capture to run on: pcap or pcapng, Ethernet
    #[arg(long, value_name = "PCAP")]
    pub(crate) packets: String,
    /// Socket table (docs/sockets.md); without it there are no sockets
    #[arg(long, value_name = "TOML")]
    pub(crate) sockets: Option<String>,
    /// The program to run; needed if the object has several
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Option<String>,
    /// The program for packets that leave: those from an address of a device in the socket table
    #[arg(long, value_name = "NAME")]
    pub(crate) egress: Option<String>,
    /// Fill a map from a TOML file (docs/maps.md); may be given several times
    #[arg(long = "map", value_name = "NAME=FILE")]
    pub(crate) maps: Vec<String>,
    /// Print a map after the last packet, or write it to a file, in the form that `--map` reads; may be given several times
    #[arg(long = "dump-map", value_name = "NAME[=FILE]")]
    pub(crate) dumps: Vec<String>,
    /// Do not verify: run in the checked interpreter, and report faults and leaks
    #[arg(long)]
    pub(crate) unverified: bool,
    /// Run in the checked interpreter, although it was verified
    #[arg(long, conflicts_with_all = ["jit", "interpreter"])]
    pub(crate) checked: bool,
    /// Run as native code, or not at all; without it, interpreted where there is no compiler for the machine
    #[arg(long, conflicts_with_all = ["unverified", "interpreter"])]
    pub(crate) jit: bool,
    /// Run in the interpreter
    #[arg(long, conflicts_with = "unverified")]
    pub(crate) interpreter: bool,
    /// With `--unverified` or `--checked`: instructions after which a packet's run is stopped
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) budget: u64,
    /// Kernel release to judge by
    #[arg(long, value_name = "RELEASE", default_value = "6.18")]
    pub(crate) kernel: Release,
    /// Exit 0 even if the program is rejected, faults or leaks
    #[arg(long)]
    pub(crate) exit_zero: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "A scenario is a TOML file, `NAME.scenario.toml` (docs/scenarios.md).\n\n\
        Exit status: 0 all as expected, 1 something was not, 2 a scenario could not be read or run.")]
pub(crate) struct TestArgs {
    /// Files, and folders to search for `*.scenario.toml`
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<String>,
    /// Only scenarios whose name contains this; may be given several times
    #[arg(short = 'k', long, value_name = "TEXT")]
    pub(crate) filter: Vec<String>,
    /// Begin no further scenario after one that failed
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Run in the checked interpreter, which reports faults and leaks
    #[arg(long, conflicts_with = "jit")]
    pub(crate) checked: bool,
    /// Run as native code
    #[arg(long)]
    pub(crate) jit: bool,
    /// Run in the running kernel, too, and compare actions, packets and maps (needs root)
    #[arg(long)]
    pub(crate) kernel: bool,
    /// Run so many scenarios at once; one a processor if not given
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Only list the scenarios
    #[arg(long)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs<TestFormat>,
}

#[derive(Args, Debug)]
pub(crate) struct DisasmArgs {
    /// Object as clang makes it, or assembly text; `-` is standard input
    #[arg(value_name = "OBJECT")]
    pub(crate) object: String,
    /// Only the program of this name; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Vec<String>,
    /// Show the machine code of each instruction, too; the program must verify
    #[arg(long)]
    pub(crate) jit: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// A code, `S0101`
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct KernelVerifyArgs {
    /// Object as clang makes it, or assembly text; `-` is standard input
    #[arg(value_name = "OBJECT")]
    pub(crate) object: String,
    /// Only the program of this name; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Vec<String>,
    /// Exit 0 even if a program is rejected
    #[arg(long)]
    pub(crate) exit_zero: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct KernelProfileArgs {
    /// Write the profile to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct OutputArgs<F: ValueEnum + Clone + Send + Sync + 'static = Format> {
    /// How to print
    #[arg(long, value_enum, default_value = "full", env = "BELAY_FORMAT")]
    pub(crate) format: F,
    /// Write the report to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<String>,
    /// Only what is wrong
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// More: instructions beside source lines, times, whole logs
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// When to use colours; `NO_COLOR` and `TERM=dumb` turn `auto` off
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// How a report is printed.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people
    Full,
    /// One line a finding
    Concise,
    /// One document, with a version
    Json,
}

/// How a report of scenarios is printed.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestFormat {
    /// For people
    Full,
    /// One line a finding
    Concise,
    /// One document, with a version
    Json,
    /// JUnit XML
    Junit,
    /// Annotations of GitHub Actions
    Github,
}

/// When to use colours.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Arguments {
    /// Whether errors have to be JSON.
    pub(crate) fn wants_json(&self) -> bool {
        let output = match &self.verb {
            Verb::Verify(args) => &args.output,
            Verb::Run(args) => &args.output,
            Verb::Test(args) => return args.output.format == TestFormat::Json,
            Verb::Disasm(args) => &args.output,
            Verb::Explain(args) => &args.output,
            Verb::Sockets(SocketsVerb::List(args)) if args.json => return true,
            Verb::Sockets(SocketsVerb::List(args)) => &args.output,
            Verb::Sockets(SocketsVerb::Lookup(args)) => &args.output,
            Verb::Sockets(SocketsVerb::Dump(_)) => return false,
            Verb::Kernel(KernelVerb::Verify(args)) => &args.output,
            Verb::Kernel(KernelVerb::Profile(_)) => return false,
        };
        output.format == Format::Json
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_flag_table_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
