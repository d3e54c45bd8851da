//! An initramfs: a cpio archive of the `newc` kind, the only one that Linux unpacks. Four bytes aligned, numbers in
//! hexadecimal, a trailer at the end; uncompressed, since the guest is slow and memory is not.

/// A file that its owner may run.
const PROGRAM: u32 = 0o100_755;
/// A file that is read.
const DATA: u32 = 0o100_644;
const DIRECTORY: u32 = 0o040_755;

/// An archive being written.
#[derive(Default)]
pub(crate) struct Initramfs {
    bytes: Vec<u8>,
    entries: u32,
}

impl Initramfs {
    pub(crate) fn directory(&mut self, name: &str) {
        self.entry(name, DIRECTORY, &[]);
    }

    pub(crate) fn program(&mut self, name: &str, content: &[u8]) {
        self.entry(name, PROGRAM, content);
    }

    pub(crate) fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name, DATA, content);
    }

    /// The archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let links = if mode == DIRECTORY { 2 } else { 1 };
        let (size, name_size) = (content.len() as u32, name.len() as u32 + 1);
        // Inode, mode, owner, group, links, time, size, device (two), special device (two), name, checksum.
        let header = [self.entries, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend(b"070701");
        for number in header {
            self.bytes.extend(format!("{number:08X}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(content);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_header_a_name_and_a_content_each_aligned() {
        let mut archive = Initramfs::default();
        archive.file("ab", b"hello");
        let bytes = archive.finish();
        assert_eq!(&bytes[..14], b"07070100000001");
        assert_eq!(&bytes[54..62], b"00000005", "the size is the seventh number");
        assert_eq!(&bytes[110..113], b"ab\0");
        assert_eq!(&bytes[116..124], b"hello\0\0\0", "the name ends at 113, the content starts aligned");
        assert_eq!(&bytes[124..130], b"070701");
        assert_eq!(bytes.len() % 4, 0);
    }
}
