//! What happened, in few words: the same in every report.

use belay_diagnostics::printable;
use belay_isa::Pc;
use belay_object::Object;
use belay_sockets::{Protocol, SocketId, SocketTable};
use belay_vm::Redirect;

/// A socket: `tcp listen [::]:8080`.
pub fn socket(sockets: &SocketTable, id: SocketId) -> String {
    let reader = sockets.read();
    let Some(socket) = reader.socket(id) else { return id.to_string() };
    let info = socket.info();
    let remote = info.remote.map_or_else(String::new, |remote| format!(" < {remote}"));
    match info.protocol {
        Protocol::Tcp => format!("tcp {} {}{remote}", info.state.name(), info.local),
        Protocol::Udp => format!("udp {}{remote}", info.local),
    }
}

/// Where a packet is sent.
pub fn redirect(redirect: &Redirect, sockets: &SocketTable) -> String {
    match redirect {
        Redirect::Device { ifindex, .. } => format!("device {ifindex}"),
        Redirect::Map { map, index, .. } => format!("entry {index} of map `{}`", printable(map)),
        Redirect::Socket { socket: id, .. } => socket(sockets, *id),
    }
}

/// The sockets to which references are still held.
pub fn unbalanced(sockets: &SocketTable) -> Vec<String> {
    let reader = sockets.read();
    reader.unbalanced().map(|(held, count)| format!("{}: {count}", socket(sockets, held.id()))).collect()
}

/// An instruction, with its source line if the object records it.
pub fn place(object: &Object, program: &str, pc: Pc) -> String {
    let lines =
        object.programs.iter().find(|p| p.name == program).map(|p| p.lines.as_slice()).unwrap_or_default();
    let after = lines.partition_point(|line| line.pc <= pc);
    let line = after.checked_sub(1).and_then(|at| lines.get(at));
    match line {
        Some(line) => {
            let (file, text) = (printable(&line.file), printable(line.text.trim()));
            format!("{file}:{}:{}, instruction {pc}: {text}", line.line, line.column)
        }
        None => format!("instruction {pc} of `{}`", printable(program)),
    }
}
