//! What a command prints: a sentence for people, JSON for programs, or one field of it.

use std::io::Write;

use anyhow::{bail, Context};
use serde::Serialize;
use serde_json::Value;

use crate::args::Global;

/// Prints a result. `text` is made only if a person reads it.
pub fn print(
    global: &Global,
    result: &impl Serialize,
    text: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    if !global.machine() {
        return write(text().trim_end());
    }
    let value = serde_json::to_value(result).context("the result cannot be written as JSON")?;
    match &global.field {
        Some(path) => write(&bare(field(&value, path)?)),
        None => write(&serde_json::to_string_pretty(&value)?),
    }
}

/// As [`print`], for results that follow each other: one line each.
pub fn print_line(global: &Global, result: &impl Serialize, text: &str) -> anyhow::Result<()> {
    if !global.machine() {
        return write(text);
    }
    let value = serde_json::to_value(result).context("the result cannot be written as JSON")?;
    match &global.field {
        Some(path) => write(&bare(field(&value, path)?)),
        None => write(&value.to_string()),
    }
}

pub fn write(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        // Who reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write the result"),
    }
}

fn field<'a>(value: &'a Value, path: &str) -> anyhow::Result<&'a Value> {
    let mut found = value;
    for step in path.split('.') {
        let next = match found {
            Value::Array(items) => step.parse::<usize>().ok().and_then(|at| items.get(at)),
            Value::Object(fields) => fields.get(step),
            _ => None,
        };
        match next {
            Some(next) => found = next,
            None => {
                let known = match found {
                    Value::Object(fields) => fields.keys().cloned().collect::<Vec<_>>().join(", "),
                    Value::Array(items) => format!("{} items", items.len()),
                    _ => "nothing further".into(),
                };
                bail!("the result has no field {path}: at {step} there is {known}");
            }
        }
    }
    Ok(found)
}

fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Columns, each as wide as its widest cell.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .chain([head[column].chars().count()])
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    std::iter::once(&head)
        .chain(rows)
        .map(|row| line(row))
        .collect::<Vec<_>>()
        .join("\n")
}

/// `1 record`, `2 records`.
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_found_by_their_path() {
        let value = json!({"records": [{"cid": "bafy"}, {"record": 7}], "none": null});
        let at = |path| field(&value, path).map(bare);
        assert_eq!(at("records.0.cid").unwrap(), "bafy");
        assert_eq!(at("records.1.record").unwrap(), "7");
        assert_eq!(at("none").unwrap(), "null");
        for path in ["", "x", "records.2", "records.x", "records.0.cid.y"] {
            assert!(at(path).is_err(), "{path}");
        }
        assert!(at("x").unwrap_err().to_string().contains("records"));
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["1".into(), "ä".into()], vec!["22".into(), "".into()]];
        assert_eq!(table(&["n", "title"], &rows), "n   title\n1   ä\n22");
    }
}
