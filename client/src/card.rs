//! A card to carry along: what a patient chose to print, and a code that says who it is.

use qrcode::EcLevel;
use salus_primitives::{Genesis, PatientId};

use crate::error::{Error, Result};
use crate::page::{Page, BOLD, MONOSPACE, PLAIN};

/// What fits on the card.
pub const MAX_LINES: usize = 10;
pub const MAX_CHARACTERS: usize = 40;

/// Millimetres: A6, across.
const WIDTH: f32 = 148.0;
const HEIGHT: f32 = 105.0;
const MARGIN: f32 = 8.0;
/// The code with its white frame.
const CODE: f32 = 50.0;

/// What the code says: which chain, and who.
pub fn code_text(genesis: &Genesis, patient: PatientId) -> String {
    format!("salus:0x{}/{patient}", hex::encode(genesis))
}

/// The card as an SVG of an A6 page.
pub fn card(genesis: &Genesis, patient: PatientId, lines: &[String]) -> Result<String> {
    if lines.len() > MAX_LINES {
        return Err(Error::Unfit(format!(
            "a card has room for {MAX_LINES} lines, and these are {}: leave some out",
            lines.len()
        )));
    }
    for line in lines {
        let length = line.chars().count();
        if length > MAX_CHARACTERS || line.chars().any(char::is_control) {
            return Err(Error::Unfit(format!(
                "“{}” does not fit on a card: a line has at most {MAX_CHARACTERS} characters, all of which can be printed",
                line.escape_debug()
            )));
        }
    }
    let mut page = Page::new(WIDTH, HEIGHT);
    page.text(MARGIN, 16.0, 8.0, BOLD, "Emergency");
    for (number, line) in lines.iter().enumerate() {
        let y = 28.0 + 6.5 * number as f32;
        page.text(MARGIN, y, 4.0, PLAIN, line);
    }
    let left = WIDTH - CODE - MARGIN / 2.0;
    let text = code_text(genesis, patient);
    page.code(left, 24.0, CODE, EcLevel::M, &text)?;
    let bottom = HEIGHT - MARGIN;
    let whom = format!("Patient {patient}. Physicians, nurses and pharmacists of a member:");
    page.text(MARGIN, bottom - 5.0, 3.0, PLAIN, &whom);
    let command = format!("salus emergency break-glass {patient} --letter -");
    page.text(MARGIN, bottom, 3.0, MONOSPACE, &command);
    Ok(page.finish().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::assert_code;

    const PATIENT: PatientId = PatientId([7; 16]);

    fn of(lines: &[&str]) -> Result<String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).into()).collect();
        card(&Genesis::repeat_byte(9), PATIENT, &lines)
    }

    #[test]
    fn what_is_printed_cannot_become_markup() {
        let svg = of(&[
            "</text><script>alert('&')</script>",
            "\"Penicillin\" & more",
        ])
        .unwrap();
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg
            .contains(">&lt;/text&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;</text>"));
        assert!(svg.contains(">&quot;Penicillin&quot; &amp; more</text>"));
        // Nothing but the card's own elements.
        let elements = svg.matches("<text ").count();
        assert_eq!(elements, svg.matches("</text>").count());
        assert_eq!(elements, 1 + 2 + 2);
    }

    #[test]
    fn the_code_names_chain_and_patient() {
        let text = code_text(&Genesis::repeat_byte(9), PATIENT);
        assert_eq!(
            text,
            format!("salus:0x{}/{}", "09".repeat(32), "07".repeat(16))
        );
        let svg = of(&["Blood type A+"]).unwrap();
        assert_code(&svg, EcLevel::M, &text);
        // Another patient's differs.
        let path = svg.lines().find(|line| line.starts_with("<path")).unwrap();
        let other = card(&Genesis::repeat_byte(9), PatientId([8; 16]), &[]).unwrap();
        assert!(!other.contains(path));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(of(&["a"; MAX_LINES]).is_ok());
        assert!(of(&["a"; MAX_LINES + 1]).is_err());
        let longest = "ä".repeat(MAX_CHARACTERS);
        assert!(of(&[&longest]).is_ok());
        assert!(of(&[&format!("{longest}ä")]).is_err());
        assert!(of(&["a\u{0}"]).is_err());
    }
}
