//! The pages of `belay explain`: one a code, `docs/explain/CODE.md`.

/// What there is to say about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The code.
    pub code: &'static str,
    /// The page, in Markdown; its first line is `# CODE: title`.
    pub text: &'static str,
}

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(Page { code: $code, text: include_str!(concat!("../../../docs/explain/", $code, ".md")) }),*]
    };
}

static PAGES: &[Page] = pages! {
    "S0101"
};

impl Page {
    /// Every page, by code.
    pub fn all() -> &'static [Page] {
        PAGES
    }

    /// The page of a code, in upper or lower case.
    pub fn of(code: &str) -> Option<&'static Page> {
        PAGES.iter().find(|page| page.code.eq_ignore_ascii_case(code))
    }

    /// What it is called: the rest of the first line.
    pub fn title(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.split_once(": ").map_or(first, |(_, title)| title)
    }
}
