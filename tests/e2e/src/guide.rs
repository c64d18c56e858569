//! Commands as `docs/010-operating.md` has them, so that the guide does not drift from the programs.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use crate::{binary, in_checkout};

/// The operators' guide.
pub struct Guide(String);

impl Guide {
    pub fn open() -> Self {
        let path = in_checkout("docs/010-operating.md");
        Self(fs::read_to_string(path).expect("the guide is there"))
    }

    /// The indented lines around the one that begins so.
    #[track_caller]
    pub fn block(&self, begins: &str) -> String {
        let indented = |line: &str| line.strip_prefix("    ").map(str::to_owned);
        let mut blocks = vec![String::new()];
        for line in self.0.lines() {
            match indented(line) {
                Some(line) => *blocks.last_mut().expect("never empty") += &format!("{line}\n"),
                None => blocks.push(String::new()),
            }
        }
        let has = |block: &&String| block.lines().any(|line| line.starts_with(begins));
        let found = blocks.iter().find(has);
        found
            .unwrap_or_else(|| panic!("the guide has no block with {begins:?}"))
            .clone()
    }

    /// One command of the guide, with its continued lines.
    #[track_caller]
    pub fn command(&self, begins: &str) -> String {
        let block = self.block(begins);
        let lines = block.lines().skip_while(|line| !line.starts_with(begins));
        let mut command = String::new();
        for line in lines {
            command += &format!("{line}\n");
            if !line.ends_with('\\') {
                break;
            }
        }
        command
    }

    /// A command within a sentence or a table.
    #[track_caller]
    pub fn inline(&self, begins: &str) -> String {
        let mut quoted = self.0.split('`').skip(1).step_by(2);
        let found = quoted.find(|code| code.starts_with(begins));
        found
            .unwrap_or_else(|| panic!("the guide does not say {begins:?}"))
            .to_owned()
    }
}

/// One member's machine: the guide's folders lie in a test's, and its words mean something.
pub struct Machine {
    pub home: PathBuf,
    /// What the guide leaves to the reader, and what it is here.
    pub words: Vec<(&'static str, String)>,
    /// Where this member's node answers.
    pub node: String,
}

impl Machine {
    /// What is written in the guide, as it is here.
    pub fn here(&self, written: &str) -> String {
        let home = self.home.display();
        let mut text = written.to_owned();
        for (word, meant) in &self.words {
            text = text.replace(word, meant);
        }
        for folder in ["/etc/salus", "/var/lib"] {
            text = text.replace(folder, &format!("{home}{folder}"));
        }
        text
    }

    /// A file of `deploy/etc`, as somebody has filled it in: pairs of a name and a value.
    pub fn settings(&self, file: &str) -> Vec<(String, String)> {
        let path = in_checkout("deploy/etc").join(file);
        let text = self.here(&fs::read_to_string(path).expect("it is there"));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once('='));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The arguments with which a unit of `deploy/systemd` starts its program.
    pub fn arguments(&self, unit: &str, settings: &[(String, String)]) -> Vec<String> {
        let path = in_checkout("deploy/systemd").join(unit);
        let text = fs::read_to_string(path).expect("it is there");
        let text = text.replace("\\\n", " ");
        let start = text
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="));
        let mut line = self.here(start.expect("a unit starts something"));
        line = line.replace("%d", &self.here("/etc/salus/keys"));
        for (name, value) in settings {
            line = line.replace(&format!("${{{name}}}"), value);
            line = line.replace(&format!("${name}"), value);
        }
        let words = line.split_whitespace().skip(1);
        words.map(str::to_owned).collect()
    }

    /// Runs commands of the guide. Every user is the test's own.
    #[track_caller]
    pub fn play(&self, commands: &str) -> Output {
        let script = self.here(commands);
        let programs = binary("salus").with_file_name("");
        let path = std::env::var("PATH").expect("it is set");
        let prelude = "runuser() { shift 3; \"$@\"; }";
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &format!("{prelude}\n{script}")])
            .current_dir(&self.home)
            .env("HOME", &self.home)
            .env("SALUS_NODE", &self.node)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("SALUS_PASSPHRASE_FILE", self.home.join("passphrase"))
            .output()
            .expect("bash is installed");
        assert!(output.status.success(), "{script}\n{output:?}");
        output
    }
}
