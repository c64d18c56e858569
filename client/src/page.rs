//! A page to print: black on white, an SVG that is measured in millimetres.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

pub const PLAIN: &str = "";
pub const BOLD: &str = r#" font-weight="bold""#;
pub const MONOSPACE: &str = r#" font-family="monospace""#;

/// A reader needs so many white modules around a code.
const FRAME: usize = 4;
/// More than a page takes.
const CAPACITY: usize = 64 * 1024;

/// A page that is being drawn. It may bear a secret, and is wiped from memory when dropped.
pub struct Page {
    /// It does not grow, so no copy stays behind.
    svg: Zeroizing<String>,
}

impl Page {
    pub fn new(width: f32, height: f32) -> Self {
        let mut svg = Zeroizing::new(String::with_capacity(CAPACITY));
        let _ = writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}" font-family="sans-serif" fill="black">
<rect width="{width}" height="{height}" fill="white"/>"#
        );
        Self { svg }
    }

    /// One line, which begins at `x` and stands on `y`; `style` is the attributes that it has besides.
    pub fn text(&mut self, x: f32, y: f32, size: f32, style: &str, text: &str) {
        let _ = write!(
            self.svg,
            r#"<text x="{x}" y="{y}" font-size="{size}"{style}>"#
        );
        escape(&mut self.svg, text);
        self.svg.push_str("</text>\n");
    }

    pub fn frame(&mut self, x: f32, y: f32, width: f32, height: f32) {
        let _ = writeln!(
            self.svg,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="none" stroke="black" stroke-width="0.4"/>"#
        );
    }

    /// A QR code of this text, `side` wide with its white frame.
    pub fn code(&mut self, x: f32, y: f32, side: f32, level: EcLevel, text: &str) -> Result<()> {
        let code = QrCode::with_error_correction_level(text, level)
            .map_err(|error| Error::Unfit(format!("the code cannot be drawn: {error}")))?;
        let width = code.width();
        let scale = side / (width + 2 * FRAME) as f32;
        let _ = write!(
            self.svg,
            r#"<path transform="translate({x} {y}) scale({scale})" d=""#
        );
        for (place, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let (x, y) = (place % width + FRAME, place / width + FRAME);
                let _ = write!(self.svg, "M{x} {y}h1v1h-1z");
            }
        }
        self.svg.push_str("\"/>\n");
        Ok(())
    }

    pub fn finish(mut self) -> Zeroizing<String> {
        self.svg.push_str("</svg>");
        self.svg
    }
}

/// Text within XML.
fn escape(svg: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => svg.push_str("&amp;"),
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '"' => svg.push_str("&quot;"),
            '\'' => svg.push_str("&#39;"),
            other => svg.push(other),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// That a page's squares, as a reader sees them, are those of a code that is made of this text.
    pub fn assert_code(svg: &str, level: EcLevel, text: &str) {
        let path = svg.split(" d=\"").nth(1).expect("a code");
        let path = path.split('"').next().expect("its end");
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
        let code = QrCode::with_error_correction_level(text, level).unwrap();
        let mut dark: Vec<(usize, usize)> = Vec::new();
        for x in 0..code.width() {
            for y in 0..code.width() {
                if code[(x, y)] == Color::Dark {
                    dark.push((x + FRAME, y + FRAME));
                }
            }
        }
        assert_eq!(drawn, dark);
    }

    /// That it was drawn without growing: a copy that is left behind would not be wiped.
    pub fn assert_fits(svg: &str) {
        assert!(svg.len() <= CAPACITY, "{}", svg.len());
    }
}
