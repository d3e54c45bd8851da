//! `belay sockets dump`: the sockets of this host as the file that `--sockets` reads.

use std::fs;
use std::io::Write;

use belay_linux::Detail;

use super::super::args::SocketsDumpArgs;
use super::{Error, Exit, Streams, taken};

pub(super) fn dump(args: &SocketsDumpArgs, streams: &mut Streams) -> Result<Exit, Error> {
    let detail = Detail { tcp_info: args.tcp_info };
    let text = taken(&args.netns, detail, args.quiet, streams)?.to_toml();
    match args.output.as_deref() {
        Some(path) if path != "-" => {
            fs::write(path, text).map_err(|e| Error::file(path, format!("cannot be written: {e}")))?;
        }
        _ => streams
            .stdout
            .write_all(text.as_bytes())
            .and_then(|()| streams.stdout.flush())
            .map_err(|e| Error::output(&e))?,
    }
    Ok(Exit::Clean)
}
