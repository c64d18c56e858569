//! A card to carry along: what a patient chose to print, and a code that says who it is.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use salus_primitives::{Genesis, PatientId};

use crate::error::{Error, Result};

/// What fits on the card.
pub const MAX_LINES: usize = 10;
pub const MAX_CHARACTERS: usize = 40;

/// Millimetres: A6, across.
const WIDTH: u32 = 148;
const HEIGHT: u32 = 105;
const MARGIN: u32 = 8;
/// The code with its white frame.
const CODE: u32 = 50;
/// A reader needs so many white modules around a code.
const FRAME: usize = 4;

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
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}mm" height="{HEIGHT}mm" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" fill="black">
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
<text x="{MARGIN}" y="16" font-size="8" font-weight="bold">Emergency</text>
"#
    );
    for (number, line) in lines.iter().enumerate() {
        let y = 28.0 + 6.5 * number as f32;
        let _ = writeln!(
            svg,
            r#"<text x="{MARGIN}" y="{y}" font-size="4">{}</text>"#,
            escape(line)
        );
    }
    let text = code_text(genesis, patient);
    let code = QrCode::with_error_correction_level(&text, EcLevel::M)
        .map_err(|error| Error::Unfit(format!("the code cannot be drawn: {error}")))?;
    let side = code.width() + 2 * FRAME;
    let scale = CODE as f32 / side as f32;
    let left = WIDTH - CODE - MARGIN / 2;
    let _ = writeln!(
        svg,
        r#"<path transform="translate({left} 24) scale({scale})" d="{}"/>"#,
        modules(&code)
    );
    let _ = writeln!(
        svg,
        r#"<text x="{MARGIN}" y="{}" font-size="3">Patient {patient}. Physicians, nurses and pharmacists of a member:</text>
<text x="{MARGIN}" y="{}" font-size="3" font-family="monospace">salus emergency break-glass {patient} --letter WHY</text>
</svg>"#,
        HEIGHT - MARGIN - 5,
        HEIGHT - MARGIN
    );
    Ok(svg)
}

/// One square for each dark module, within the frame.
fn modules(code: &QrCode) -> String {
    let width = code.width();
    let mut path = String::new();
    for (place, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (place % width + FRAME, place / width + FRAME);
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    path
}

/// Text within XML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // The squares of the drawing, as a reader sees them, against a code that is made of that text.
        let path = svg
            .split(" d=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let mut drawn: Vec<(usize, usize)> = path
            .split('M')
            .skip(1)
            .map(|square| {
                let corner = square.strip_suffix("h1v1h-1z").unwrap();
                let (x, y) = corner.split_once(' ').unwrap();
                (x.parse().unwrap(), y.parse().unwrap())
            })
            .collect();
        drawn.sort_unstable();
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let mut dark: Vec<(usize, usize)> = Vec::new();
        for x in 0..code.width() {
            for y in 0..code.width() {
                if code[(x, y)] == Color::Dark {
                    dark.push((x + FRAME, y + FRAME));
                }
            }
        }
        assert_eq!(drawn, dark);
        // Another patient's differs.
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
