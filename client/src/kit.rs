//! A printed kit: a key that opens a patient's keyring, on one page of paper.
//!
//! ```
//! use salus_client::files::age::DecryptionKey;
//! use salus_client::kit::{self, Kit};
//! use salus_primitives::PatientId;
//!
//! # fn main() -> salus_client::Result<()> {
//! let kit = Kit {
//!     patient: PatientId([7; 16]),
//!     key: DecryptionKey::generate(),
//!     made_at: 1_780_000_000_000,
//!     number: Some(3),
//! };
//! assert!(kit.page()?.contains(&kit.holder()));
//! // As it is typed from paper.
//! let typed = kit.key.expose().unwrap_or_default().to_lowercase();
//! let read = kit::read(&typed.replace("1", "1\n  "))?;
//! assert_eq!(read.public(), kit.key.public());
//! # Ok(())
//! # }
//! ```

use qrcode::EcLevel;
use salus_primitives::{Moment, PatientId};
use sp_crypto_hashing::blake2_256;
use zeroize::Zeroizing;

use crate::actions::accounts::path;
use crate::actions::describe::moment;
use crate::error::{Error, Result};
use crate::files::age::{DecryptionKey, EncryptionKey};
use crate::page::{Page, BOLD, MONOSPACE, PLAIN};

/// How kits are called among the keyring's holders.
pub const KIT: &str = "kit ";

/// How the text of each key begins, and how long it is.
const START: &str = "AGE-SECRET-KEY-1";
const LENGTH: usize = 74;
/// The rest is typed in groups.
const GROUP: usize = 4;
const GROUPS_IN_ROW: usize = 4;

/// Millimetres: A4, upright.
const WIDTH: f32 = 210.0;
const HEIGHT: f32 = 297.0;
const MARGIN: f32 = 20.0;
/// Beside a number.
const INDENT: f32 = 6.0;
/// The code with its white frame.
const CODE: f32 = 68.0;
const SMALL: f32 = 3.6;
/// What is to be typed.
const LARGE: f32 = 7.5;
const KEY: &str = r#" class="key" font-weight="bold" font-family="monospace""#;

/// What a kit says.
#[derive(Clone, Debug)]
pub struct Kit {
    pub patient: PatientId,
    pub key: DecryptionKey,
    pub made_at: Moment,
    /// Which of the phrase's accounts acts for the patient: `//patient//N`.
    pub number: Option<u32>,
}

/// What a kit with this key is called among the keyring's holders, and on its paper.
pub fn holder(key: &EncryptionKey) -> String {
    format!("{KIT}{}", hex::encode(&blake2_256(key.raw())[..4]))
}

/// The key as it was typed from paper, in letters of either case, with spaces and line breaks
/// anywhere. An error does not quote it.
pub fn read(typed: &str) -> Result<DecryptionKey> {
    let mut text = Zeroizing::new(String::with_capacity(typed.len()));
    let printed = typed.chars().filter(|character| !character.is_whitespace());
    text.extend(printed.map(|character| character.to_ascii_uppercase()));
    let bad = |reason: &str| Error::invalid("kit", reason);
    if !text.starts_with(START) {
        return Err(bad(&format!(
            "its key begins with {START}: type it from the paper, or scan the code"
        )));
    }
    let count = text.chars().count();
    if count != LENGTH {
        return Err(bad(&format!(
            "its key has {LENGTH} characters without the spaces, and these are {count}: compare it with the paper, group by group"
        )));
    }
    // The checksum of its Bech32 finds what was mistyped.
    DecryptionKey::parse(&text).map_err(|_| {
        bad(&format!(
            "a character of its key is wrong: compare it with the paper, group by group; after {START} there is no B, I or O, and no 1"
        ))
    })
}

impl Kit {
    /// What it is called among the keyring's holders.
    pub fn holder(&self) -> String {
        holder(&self.key.public())
    }

    /// An SVG of an A4 page, which bears the key in text and as a code.
    pub fn page(&self) -> Result<Zeroizing<String>> {
        let key = self.key.expose();
        let key = key.ok_or_else(|| {
            Error::EncryptionKey("the key of a single file is printed by nobody".into())
        })?;
        let (patient, holder) = (self.patient, self.holder());
        let mut page = Page::new(WIDTH, HEIGHT);

        page.text(MARGIN, 30.0, 10.0, BOLD, "Recovery kit");
        let account = self.number.map_or("the phrase's own".into(), path);
        for (y, name, value) in [
            (42.0, "Kit", &holder),
            (47.5, "Patient", &patient.to_string()),
            (53.0, "Account", &account),
            (58.5, "Made", &format!("{} UTC", moment(self.made_at))),
            (64.0, "Public key", &self.key.public().to_string()),
        ] {
            page.text(MARGIN, y, SMALL, PLAIN, name);
            page.text(MARGIN + 24.0, y, SMALL, MONOSPACE, value);
        }
        tell(
            &mut page,
            MARGIN,
            71.0,
            "For when no device of the patient is left: a key to the keyring, and so to
every record. It opens the keyring only together with the patient's account,
or with a copy of the encrypted keyring, as whoever operates a vault has one.
The account's phrase is not on this paper: two secrets, two places.",
        );

        let left = MARGIN + INDENT;
        page.frame(MARGIN, 95.0, WIDTH - 2.0 * MARGIN, 76.0);
        page.text(left, 103.0, SMALL, BOLD, "The key: who reads it has it");
        page.text(
            left,
            109.0,
            SMALL,
            PLAIN,
            "Every 0 is a zero, never the letter O.",
        );
        page.text(left, 121.0, LARGE, KEY, START);
        let rest = key.strip_prefix(START).unwrap_or_default();
        for (place, group) in rest.as_bytes().chunks(GROUP).enumerate() {
            let x = left + 22.5 * (place % GROUPS_IN_ROW) as f32;
            let y = 133.0 + 10.0 * (place / GROUPS_IN_ROW) as f32;
            // Bech32 is ASCII.
            let group = std::str::from_utf8(group).unwrap_or_default();
            page.text(x, y, LARGE, KEY, group);
        }
        let right = WIDTH - MARGIN - 4.0;
        page.code(right - CODE, 99.0, CODE, EcLevel::H, &key)?;

        page.text(MARGIN, 182.0, SMALL, BOLD, "When no device is left");
        let import = "On a new one, bring the account back with its phrase:
salus keys import
If the phrase is lost too, helpers make a new account the owner:
salus keys new && salus recovery request --patient PATIENT --out FILE";
        let restore = format!(
            "Type the key when it is asked for; case and spaces do not matter:
salus recovery restore --patient {patient} --kit
Or scan the code into a file, and name the file after --kit."
        );
        let destroy = "Every key is made anew then. Destroy this paper, and print another.";
        for (y, number, step) in [
            (189.0, "1.", import),
            (214.0, "2.", restore.as_str()),
            (233.0, "3.", destroy),
        ] {
            page.text(MARGIN, y, SMALL, PLAIN, number);
            tell(&mut page, left, y, step);
        }
        page.text(MARGIN, 244.0, SMALL, BOLD, "Until then");
        let keep = format!(
            "Keep this paper in a safe, in another place than the account's phrase.
It is good as long as `salus keyring show` names {holder}.
Destroy it when a newer kit or a restore has replaced it: it goes on opening
old copies of the keyring. If somebody else has seen it, replace it at once:
salus recovery kit --out FILE && salus keyring rotate"
        );
        tell(&mut page, MARGIN, 251.0, &keep);
        Ok(page.finish())
    }
}

/// Lines, each of them a sentence's part or a command.
fn tell(page: &mut Page, x: f32, y: f32, lines: &str) {
    for (number, line) in lines.lines().enumerate() {
        let style = match line.starts_with("salus ") {
            true => MONOSPACE,
            false => PLAIN,
        };
        page.text(x, y + 6.0 * number as f32, SMALL, style, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::{assert_code, assert_fits};

    fn kit() -> Kit {
        Kit {
            patient: PatientId([7; 16]),
            key: DecryptionKey::from_bytes(&[5; 32]).unwrap(),
            made_at: 1_780_000_000_000,
            number: Some(3),
        }
    }

    fn secret(kit: &Kit) -> Zeroizing<String> {
        kit.key.expose().unwrap()
    }

    /// What is to be typed, line by line.
    fn printed(page: &str) -> String {
        let groups = page.lines().filter(|line| line.contains("class=\"key\""));
        groups
            .map(|line| line.split(['<', '>']).nth(2).unwrap())
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_page_bears_the_key_in_text_and_as_a_code() {
        let kit = kit();
        let page = kit.page().unwrap();
        assert_fits(&page);
        let typed = printed(&page);
        assert_eq!(typed.lines().count(), 1 + 15, "{typed}");
        assert_eq!(typed.replace('\n', ""), *secret(&kit));
        assert_eq!(read(&typed).unwrap().public(), kit.key.public());
        assert_code(&page, EcLevel::H, &secret(&kit));
        for told in [
            kit.patient.to_string(),
            kit.holder(),
            kit.key.public().to_string(),
            "2026-05-28 20:26:40 UTC".into(),
            "//patient//3".into(),
        ] {
            assert!(page.contains(&told), "{told}");
        }
        assert_eq!(kit.holder(), holder(&kit.key.public()));
        assert_ne!(kit.holder(), holder(&DecryptionKey::generate().public()));
    }

    #[test]
    fn nothing_overlaps_or_runs_off_the_page() {
        let page = kit().page().unwrap();
        let number = |line: &str, name: &str| -> f32 {
            let value = line.split(&format!(" {name}=\"")).nth(1).unwrap();
            value.split('"').next().unwrap().parse().unwrap()
        };
        // Left, top, right, bottom.
        let right = WIDTH - MARGIN - 4.0;
        let mut boxes = vec![[right - CODE, 99.0, right, 99.0 + CODE]];
        for line in page.lines().filter(|line| line.starts_with("<text ")) {
            let [x, y, size] = ["x", "y", "font-size"].map(|name| number(line, name));
            let text = line.split(['<', '>']).nth(2).unwrap();
            let text = text.replace("&amp;", "&").replace("&#39;", "'");
            // A wide font's letters are as wide as a monospaced one's.
            let width = 0.61 * size * text.chars().count() as f32;
            boxes.push([x, y - size, x + width, y + 0.3 * size]);
        }
        assert!(boxes.len() > 30, "{}", boxes.len());
        for (place, a) in boxes.iter().enumerate() {
            assert!(a[0] >= MARGIN && a[2] <= WIDTH - MARGIN, "{a:?}");
            assert!(a[1] >= MARGIN && a[3] <= HEIGHT - MARGIN, "{a:?}");
            for b in &boxes[..place] {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn it_is_read_with_spaces_line_breaks_and_small_letters() {
        let kit = kit();
        let secret = secret(&kit);
        let spaced: String = secret.chars().flat_map(|letter| [letter, ' ']).collect();
        for typed in [
            secret.to_string(),
            secret.to_lowercase(),
            format!("\r\n {}\t\r\n", secret.replace('1', "1\n")),
            spaced,
        ] {
            assert_eq!(read(&typed).unwrap().public(), kit.key.public());
        }
    }

    #[test]
    fn what_is_mistyped_is_told_and_not_quoted() {
        let secret = secret(&kit());
        let changed = |place: usize, letter: &str| {
            let mut typed = secret.to_string();
            assert_ne!(typed.get(place..place + 1), Some(letter));
            typed.replace_range(place..place + 1, letter);
            typed
        };
        let swapped = {
            let mut letters: Vec<char> = secret.chars().collect();
            let place = (START.len()..LENGTH - 1)
                .find(|place| letters[*place] != letters[place + 1])
                .unwrap();
            letters.swap(place, place + 1);
            letters.into_iter().collect::<String>()
        };
        let mut wrong = vec![
            (secret[1..].to_owned(), "begins with"),
            (String::new(), "begins with"),
            (kit().key.public().to_string(), "begins with"),
            (secret[..LENGTH - 1].to_owned(), "these are 73"),
            (format!("{}Q", *secret), "these are 75"),
            (changed(30, "B"), "no B, I or O"),
            (changed(40, "Ö"), "group by group"),
            (swapped, "group by group"),
        ];
        for place in START.len()..LENGTH {
            let letter = match &secret[place..=place] {
                "Q" => "P",
                _ => "Q",
            };
            wrong.push((changed(place, letter), "group by group"));
        }
        for (typed, told) in &wrong {
            let error = read(typed).unwrap_err();
            assert!(matches!(error, Error::Invalid { what: "kit", .. }));
            let error = format!("{error} {error:?}");
            assert!(error.contains(told), "{error}");
            let rest = &secret[START.len()..];
            for group in rest.as_bytes().chunks(GROUP) {
                let group = std::str::from_utf8(group).unwrap();
                assert!(group.len() < GROUP || !error.contains(group), "{error}");
            }
        }
    }

    #[test]
    fn a_kit_does_not_show_its_key() {
        let kit = kit();
        let shown = format!("{kit:?}");
        assert!(shown.contains(&kit.key.public().to_string()), "{shown}");
        assert!(!shown.to_uppercase().contains(&secret(&kit)[START.len()..]));
        assert!(!shown.contains(START));
    }
}
