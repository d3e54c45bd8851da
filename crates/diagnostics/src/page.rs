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
    "S0101" "S0102" "S0103" "S0104" "S0105" "S0106" "S0107" "S0108" "S0109" "S0110"
    "S0111" "S0112" "S0114" "S0115" "S0116" "S0117" "S0120"
    "L0701" "L0702" "L0703" "O0801" "O0802" "O0803"
    "T0701" "T0702" "T0703" "T0704"
    "R0301" "R0302" "R0303" "R0304" "R0305"
    "M0201" "M0203" "M0204" "M0205" "M0206" "M0207" "M0208" "M0209" "M0210"
    "M0211" "M0212" "M0213" "M0214" "M0215" "M0216" "M0217"
    "C0401" "C0402" "C0403" "C0404" "C0405" "C0406" "C0408" "C0409" "C0411" "C0412" "C0413" "C0420"
    "F0501" "F0502" "F0503" "F0504" "F0505" "F0506"
    "P0601" "P0602"
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
