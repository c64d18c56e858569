//! Words about somebody's health: out of a file or from the standard input, because everybody on the
//! machine can see a command line. A short title may stand there, and says so.

use std::fs::File;
use std::io::{stdin, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context};
use clap::Args;
use salus_client::files::MAX_LETTER;

/// A letter; `-` is the standard input.
pub fn letter(file: &Path) -> anyhow::Result<String> {
    let text = read(file)?.replace("\r\n", "\n");
    let text = text.trim();
    ensure!(!text.is_empty(), "the letter is empty: say why");
    Ok(text.to_owned())
}

/// The lines of a file that are not empty.
pub fn lines(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = read(file)?;
    let lines = text.lines().map(str::trim_end);
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

/// What a record is called.
#[derive(Debug, Args)]
pub struct Title {
    /// The title, which others on this machine can see meanwhile [default: the file's name]
    #[arg(long, value_name = "TEXT", conflicts_with = "title_file")]
    title: Option<String>,
    /// A file whose only line is the title, which nobody else sees
    #[arg(long, value_name = "FILE")]
    title_file: Option<PathBuf>,
}

impl Title {
    pub fn is_given(&self) -> bool {
        self.title.is_some() || self.title_file.is_some()
    }

    pub fn read(self) -> anyhow::Result<Option<String>> {
        let Some(file) = self.title_file else {
            return Ok(self.title);
        };
        match lines(&file)?.as_slice() {
            [title] => Ok(Some(title.clone())),
            lines => bail!("a title is one line, and the file has {}", lines.len()),
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let is_stdin = file == Path::new("-");
    if is_stdin && stdin().is_terminal() {
        eprintln!("Write, and end with Ctrl-D on a line of its own:");
    }
    let mut text = String::new();
    let mut read = || -> std::io::Result<usize> {
        match is_stdin {
            true => stdin()
                .lock()
                .take(MAX_LETTER + 1)
                .read_to_string(&mut text),
            false => File::open(file)?
                .take(MAX_LETTER + 1)
                .read_to_string(&mut text),
        }
    };
    // Not the file's name: it may be the words themselves, by mistake.
    let length = read().context(
        "cannot read the file that was named: the words are in a file, or come from the standard input as -",
    )?;
    ensure!(
        length as u64 <= MAX_LETTER,
        "what was written has more than {MAX_LETTER} bytes: shorten it"
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("words");
        std::fs::write(&file, text).unwrap();
        (folder, file)
    }

    #[test]
    fn a_letter_is_read_from_a_file_without_its_margins() {
        let (_folder, file) = written("\nMy blood type is A,\r\nnot O.\n\n".as_bytes());
        assert_eq!(letter(&file).unwrap(), "My blood type is A,\nnot O.");
        for bad in [&b""[..], b" \n", b"\xff", &[b'a'; 65 * 1024]] {
            let (_folder, file) = written(bad);
            assert!(letter(&file).is_err());
        }
    }

    #[test]
    fn words_that_are_given_as_a_files_name_are_not_quoted() {
        let error = letter(Path::new("I have been to a clinic")).unwrap_err();
        let told = format!("{error:#}");
        assert!(!told.contains("clinic") && told.contains("-"), "{told}");
    }

    #[test]
    fn a_title_is_one_line_and_a_card_has_those_that_say_something() {
        let (_folder, file) = written(b"Blood type A\n\nAllergic to penicillin \n");
        let both = ["Blood type A", "Allergic to penicillin"];
        assert_eq!(lines(&file).unwrap(), both);
        let title = |text: Option<&str>, file: Option<PathBuf>| Title {
            title: text.map(str::to_owned),
            title_file: file,
        };
        assert!(title(None, Some(file)).read().is_err());
        let (_folder, file) = written(b"HIV test\n");
        for given in [title(None, Some(file)), title(Some("HIV test"), None)] {
            assert!(given.is_given());
            assert_eq!(given.read().unwrap().as_deref(), Some("HIV test"));
        }
        assert_eq!(title(None, None).read().unwrap(), None);
    }
}
