//! What the kernel's verifier log says: the reason of a refusal, and the counts of its last lines.

/// The counts that the verifier prints at the end of its log.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Instructions that the verifier walked, each time it walked them.
    pub insns_processed: u64,
    /// States that it kept over the whole walk.
    pub total_states: u64,
    /// The most states that it held at once.
    pub peak_states: u64,
    /// The most states at one instruction.
    pub max_states_per_insn: u64,
}

impl Stats {
    /// Reads the line `processed 57 insns (limit 1000000) max_states_per_insn 0 total_states 4 peak_states 4 …`,
    /// which every verified program's log ends with; `None` if the program was refused before the walk.
    pub fn parse(log: &str) -> Option<Stats> {
        let line = log.lines().rev().find(|line| is_stats(line))?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |name: &str| {
            words
                .windows(2)
                .find(|pair| pair.first() == Some(&name))
                .and_then(|pair| pair.get(1)?.parse().ok())
        };
        Some(Stats {
            insns_processed: after("processed")?,
            total_states: after("total_states")?,
            peak_states: after("peak_states").unwrap_or(0),
            max_states_per_insn: after("max_states_per_insn").unwrap_or(0),
        })
    }
}

/// The last line that says why, as the kernel wrote it; empty for an empty log.
pub fn reason(log: &str) -> &str {
    let said = log.lines().rev().map(without_time).find(|line| !line.is_empty() && !is_trailer(line));
    said.unwrap_or("")
}

/// The line without the time that the kernel appends where a message lacks its newline (as of 6.18 `expected prog array
/// map for tail call` does).
fn without_time(line: &str) -> &str {
    match line.split_once("verification time ") {
        Some((message, time)) if time.ends_with(" usec") => message.trim_end(),
        _ => line.trim_end(),
    }
}

fn is_stats(line: &str) -> bool {
    line.starts_with("processed ") && line.contains(" insns ")
}

/// Lines that follow the verdict: counts, stack depth, the two states that an endless loop goes between, and the source
/// line of the instruction.
fn is_trailer(line: &str) -> bool {
    is_stats(line)
        || ["; ", "stack depth ", "cur state:", "old state:"].iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "0: R1=ctx() R10=fp0\n0: (95) exit\nR0 !read_ok\nverification time 21 usec\nstack depth 0\n\
        processed 1 insns (limit 1000000) max_states_per_insn 2 total_states 3 peak_states 4 mark_read 0\n\n";

    #[test]
    fn the_last_lines_are_read() {
        assert_eq!(reason(LOG), "R0 !read_ok");
        let stats = Stats { insns_processed: 1, max_states_per_insn: 2, total_states: 3, peak_states: 4 };
        assert_eq!(Stats::parse(LOG), Some(stats));
    }

    #[test]
    fn what_follows_the_reason_is_left_out() {
        let glued = "expected prog array map for tail callverification time 10 usec\nstack depth 0\n";
        assert_eq!(reason(glued), "expected prog array map for tail call");
        let with_source = "invalid bpf_context access off=72 size=4\n; skb->tc_classid = 0; @ fw.bpf.c:9\n";
        assert_eq!(reason(with_source), "invalid bpf_context access off=72 size=4");
        let endless = "infinite loop detected at insn 1\ncur state: R1=1\nold state: R1=P0\n";
        assert_eq!(reason(endless), "infinite loop detected at insn 1");
    }

    #[test]
    fn a_log_without_counts_has_none() {
        assert_eq!(Stats::parse("unknown opcode 00\n"), None);
        assert_eq!(reason("unknown opcode 00\n"), "unknown opcode 00");
        assert_eq!(reason(""), "");
    }
}
