//! Near misses: an accepted program with one thing amiss.

use crate::random::Random;

/// The program with one thing amiss: an instruction missing or changed for its neighbour, a few of them there again
/// elsewhere (a second release, a use after it), a tail call too early, an offset one too far, a check turned round.
pub(crate) fn amiss(random: &mut Random, text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    let is_instruction = |line: &String| line.starts_with("    ");
    let instructions: Vec<usize> = (0..lines.len()).filter(|&at| is_instruction(&lines[at])).collect();
    let at = random.of(&instructions);
    match random.below(10) {
        0 => {
            lines.remove(at);
        }
        1 if at + 1 < lines.len() => lines.swap(at, at + 1),
        2 | 3 => one_off(random, &mut lines, &instructions),
        4 => tail_call(random, &mut lines, &instructions),
        5 => turn_round(&mut lines[at]),
        _ => {
            let long = 1 + random.below(4);
            let block: Vec<String> =
                lines[at..].iter().take(long).filter(|line| is_instruction(line)).cloned().collect();
            let to = random.of(&instructions);
            lines.splice(to..to, block);
        }
    }
    lines.join("\n")
}

/// One number of one memory access, size or checked range is one more or one less.
fn one_off(random: &mut Random, lines: &mut [String], instructions: &[usize]) {
    // What bounds are made of: constants that are added or compared, and offsets of accesses.
    let bounding = |line: &&usize| {
        let line = &lines[**line];
        [" += ", " &= ", " > ", " >= ", " < ", " <= ", "(r"].iter().any(|part| line.contains(part))
    };
    let chosen: Vec<usize> = instructions.iter().filter(bounding).copied().collect();
    if chosen.is_empty() {
        return;
    }
    let at = random.of(&chosen);
    let line = lines[at].clone();
    // The last number that is no register's, width's or label's.
    let digits = |c: char| c.is_ascii_digit();
    let Some(end) = line.split(" goto ").next().and_then(|front| front.rfind(digits)) else { return };
    let start = line[..end].rfind(|c| !digits(c)).map_or(0, |before| before + 1);
    if !matches!(line.as_bytes().get(start.wrapping_sub(1)), Some(b' ' | b'-')) {
        return;
    }
    let Ok(number) = line[start..=end].parse::<i64>() else { return };
    let other = if random.one_in(4) { number - 1 } else { number + 1 };
    lines[at] = format!("{}{}{}", &line[..start], other.max(0), &line[end + 1..]);
}

/// A tail call where something may be held. The context is in `r6` most of the time.
fn tail_call(random: &mut Random, lines: &mut Vec<String>, instructions: &[usize]) {
    let to = random.of(instructions);
    let call = ["r1 = r6", "r2 = programs ll", "r3 = 0", "call bpf_tail_call"];
    // What it clobbers must not be what is refused, so it stands before what writes the registers anew where it can.
    let fresh: Vec<usize> =
        instructions.iter().filter(|at| lines[**at].trim() == "r1 = r6").copied().collect();
    let to = if fresh.is_empty() || random.one_in(4) { to } else { random.of(&fresh) };
    lines.splice(to..to, call.iter().map(|line| format!("    {line}")));
}

/// A comparison becomes its neighbour.
fn turn_round(line: &mut String) {
    let turned = [
        (" == ", " != "),
        (" != ", " == "),
        (" > ", " >= "),
        (" >= ", " > "),
        (" < ", " <= "),
        (" <= ", " < "),
    ];
    if let Some((from, to)) = turned.iter().find(|(from, _)| line.contains(from) && line.contains("goto")) {
        *line = line.replacen(from, to, 1);
    }
}
