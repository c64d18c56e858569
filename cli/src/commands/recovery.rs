//! `salus recovery`.

use std::io::{self, IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{bail, Context};
use clap::Subcommand;
use salus_client::actions::describe::{moment, span};
use salus_client::actions::patient::ensure_private;
use salus_client::actions::recovery::{self, Helping, OfferFile, Sealed, Word};
use salus_client::actions::succession::{self, Ended, LiveGrant, NewKeys, RequestFile, TakenOver};
use salus_client::actions::{clock, Client};
use salus_client::kit;
use salus_client::profile::{write_atomically, WORK_FACTOR};
use salus_primitives::{AccountId, GrantIndex, Moment};
use serde_json::json;

use crate::args::{About, Global};
use crate::context::{about_patient, client, new_passphrase, offline, other_passphrase, typed};
use crate::output::{count, print, table};
use crate::parse;

#[derive(Debug, Subcommand)]
pub enum Recovery {
    /// Say that you will help somebody; makes the file that they name you by
    Offer {
        /// The file to give to the patient
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Name those who together can let you in again, and make the file for each of them
    Setup {
        /// A helper: their offer's file, or the account of staff that has published a key; once for each
        #[arg(long = "helper", required = true, value_name = "FILE_OR_ACCOUNT")]
        helpers: Vec<String>,
        /// How many of them it takes
        #[arg(long, default_value_t = 2)]
        threshold: u8,
        /// How long you can stop them, once they are enough
        #[arg(long, default_value = "7d", value_parser = parse::duration, value_name = "DURATION")]
        delay: Moment,
        /// The folder for the helpers' files
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// Who helps, and what is under way
    Show {
        #[command(flatten)]
        about: About,
    },
    /// Name no helpers any more: announces it, and does it once the plan's delay is over
    Remove {
        #[command(flatten)]
        about: About,
    },
    /// Carry out what was announced about the helpers, once it is due
    Complete {
        #[command(flatten)]
        about: About,
    },
    /// Keep the helpers whose end, or replacement, was announced; by who decides for the patient
    Veto {
        #[command(flatten)]
        about: About,
    },
    /// Whom you help, as far as you have tested their shares, and what is under way
    Duties,
    /// Check that a share is whole and of the present plan; by whom it was given to. Remembers whom you
    /// help: the chain does not tell
    Test {
        /// The files
        #[arg(required = true)]
        shares: Vec<PathBuf>,
    },
    /// On a new phone: sign that you take the patient over, for the helpers
    Request {
        /// How long the helpers can begin
        #[arg(long, default_value = "7d", value_parser = parse::duration, value_name = "DURATION")]
        valid: Moment,
        /// The file to give to the helpers
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// Begin to let somebody in whom you have recognised; by a helper
    Start {
        #[command(flatten)]
        help: Help,
    },
    /// Stand behind what another helper has begun
    Approve {
        #[command(flatten)]
        help: Help,
    },
    /// Take your word back; by a helper
    Withdraw {
        /// The request's file
        request: PathBuf,
    },
    /// Stop what helpers have begun; by who decides for the patient
    Cancel {
        /// The account that it would make the owner [default: each that is under way]
        #[arg(long, value_parser = parse::account, value_name = "ACCOUNT")]
        owner: Option<AccountId>,
        #[command(flatten)]
        about: About,
    },
    /// Once the delay is over, make the new account the owner; by a helper
    Finish {
        /// The request's file
        request: PathBuf,
    },
    /// On the new phone: open the keyring with the helpers' shares, and make every key anew
    Restore {
        /// The files that the helpers passed on
        #[arg(required_unless_present_any = ["backup", "kit"], conflicts_with_all = ["backup", "kit"])]
        shares: Vec<PathBuf>,
        /// Instead: a backup's file, if you have your account's phrase
        #[arg(long, value_name = "FILE")]
        backup: Option<PathBuf>,
        /// Instead: the key of a printed kit, from a file, from standard input as `-`, or typed
        #[arg(long, value_name = "FILE", conflicts_with = "backup")]
        kit: Option<Option<PathBuf>>,
        /// A file with the backup's passphrase, instead of a prompt
        #[arg(long, value_name = "FILE")]
        backup_passphrase_file: Option<PathBuf>,
        /// A grant that was given since the recovery began, and is yours: it gets the new keys without
        /// asking; once for each
        #[arg(long = "keep-grant", value_name = "GRANT")]
        keep_grants: Vec<GrantIndex>,
        #[command(flatten)]
        about: About,
    },
    /// Keep a key to the keyring under a passphrase of its own, beside your account's phrase
    Backup {
        /// The file to keep in a safe place
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// A file with the backup's passphrase, instead of a prompt
        #[arg(long, value_name = "FILE")]
        backup_passphrase_file: Option<PathBuf>,
        #[command(flatten)]
        about: About,
    },
    /// Print a key to the keyring, beside your account's phrase; an earlier kit is worth nothing then
    Kit {
        /// The page to print, an SVG
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        about: About,
    },
}

/// What a helper does for a request.
#[derive(Debug, clap::Args)]
pub struct Help {
    /// The request's file; compare its code with whoever asks, by telephone or in person
    request: PathBuf,
    /// Your share
    #[arg(long, value_name = "FILE")]
    share: PathBuf,
    /// The file with your share for the new phone
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Recovery {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Recovery::Offer { out } => {
                let (profile, unlocked, genesis) = offline(global).await?;
                let offer = recovery::offer(&profile, &unlocked, genesis)?;
                write_atomically(&out, &offer.to_json()?)?;
                let result = json!({"account": offer.account, "file": out});
                print(global, &result, || {
                    format!("Give {} to the patient who asked you, and to nobody else: its account is for this one patient, and shows only if you act.", out.display())
                })
            }
            Recovery::Setup {
                helpers,
                threshold,
                delay,
                out,
                about,
            } => {
                let helpers = helpers
                    .iter()
                    .map(|text| helper(text))
                    .collect::<anyhow::Result<Vec<_>>>()?;
                let (client, patient) = about_patient(global, about.patient).await?;
                let made =
                    recovery::setup(&client, patient, &helpers, threshold, delay, &out).await?;
                print(global, &made, || {
                    let rows: Vec<Vec<String>> = made
                        .shares
                        .iter()
                        .map(|share| vec![share.helper.clone(), share.file.display().to_string()])
                        .collect();
                    let when = match made.due {
                        None => "Earlier files are worth nothing now.".into(),
                        Some(due) => format!(
                            "The present helpers stay until {}: run `salus recovery complete` then. Until it is done, theirs are the files that count, and `salus recovery veto` keeps them.",
                            moment(due)
                        ),
                    };
                    format!(
                        "{} of {} helpers can let you in again together, {} after they are enough. Give each their file, and keep none. {when}\n\n{}",
                        made.threshold,
                        made.shares.len(),
                        span(made.delay),
                        table(&["helper", "file"], &rows)
                    )
                })
            }
            Recovery::Show { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let view = recovery::show(&client, patient).await?;
                print(global, &view, || shown(&view))
            }
            Recovery::Remove { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = recovery::remove(&client, patient).await?;
                print(global, &done, || {
                    match done.due {
                    Some(due) => format!(
                        "Announced: from {} on `salus recovery complete` ends the plan. Until then the helpers can still begin, and `salus recovery veto` keeps them.",
                        moment(due)
                    ),
                    None => stopped(
                        "Nobody can let you in again now: `salus recovery setup` names helpers.",
                        &done.owners,
                    ),
                }
                })
            }
            Recovery::Complete { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = recovery::complete(&client, patient).await?;
                print(global, &done, || {
                    stopped(
                        "It is done: `salus recovery show` tells who helps now. Earlier files are worth nothing.",
                        &done.owners,
                    )
                })
            }
            Recovery::Veto { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = recovery::veto(&client, patient).await?;
                print(global, &done, || {
                    "The helpers stay as they are. If somebody else announced it: a key may be stolen, see `salus log`.".into()
                })
            }
            Recovery::Duties => {
                let duties = recovery::duties(&client(global).await?).await?;
                print(global, &json!({ "duties": duties }), || on_duty(&duties))
            }
            Recovery::Test { shares } => {
                let files = read_all(&shares)?;
                let client = client(global).await?;
                let tested = recovery::test(&client, &files).await?;
                print(global, &json!({ "shares": tested }), || {
                    let lines: Vec<String> = tested
                        .iter()
                        .map(|share| {
                            format!(
                                "{}: whole, and number {} of the {} shares of patient {}'s {} plan; {} are needed.",
                                share.file,
                                share.number,
                                share.count,
                                share.patient,
                                match share.pending {
                                    true => "announced",
                                    false => "present",
                                },
                                share.threshold
                            )
                        })
                        .collect();
                    lines.join("\n")
                })
            }
            Recovery::Request { valid, out, about } => {
                request(global, &about, valid, &out, "helpers").await
            }
            Recovery::Start { help } => help.give(global, Word::Start).await,
            Recovery::Approve { help } => help.give(global, Word::Approve).await,
            Recovery::Withdraw { request } => {
                let request = read_request(&request)?;
                let done = recovery::withdraw(&client(global).await?, &request).await?;
                print(global, &done, || {
                    "You no longer stand behind it. The share that you passed on cannot be taken back: tell the patient.".into()
                })
            }
            Recovery::Cancel { owner, about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = recovery::cancel(&client, patient, owner.as_ref()).await?;
                print(global, &done, || {
                    format!(
                        "Stopped: nothing goes to {}. Helpers have passed shares on: make new ones with `salus recovery setup`, and ask how they were misled. If one of them begins again: `salus recovery remove`, and then stop each until it is done.",
                        done.owners.join(", ")
                    )
                })
            }
            Recovery::Finish { request } => {
                let request = read_request(&request)?;
                let done = recovery::finish(&client(global).await?, &request).await?;
                print(global, &done, || {
                    format!(
                        "{} is the only one who decides for patient {} now. The plan has ended with it, and so have the emergency plan, grants to write and studies. The new phone goes on with `salus recovery restore`, and names helpers anew with `salus recovery setup`.",
                        request.owner, done.patient
                    )
                })
            }
            Recovery::Restore {
                shares,
                backup,
                kit,
                backup_passphrase_file,
                keep_grants,
                about,
            } => {
                let keep = |grant: &LiveGrant| keeps(global, &keep_grants, grant);
                let files = read_all(&shares)?;
                let printed = match &kit {
                    Some(file) => Some(kit::read(&typed("Key of the kit: ", file.as_deref())?)?),
                    None => None,
                };
                let (client, patient) = about_patient(global, about.patient).await?;
                let taken = match (&backup, printed) {
                    (_, Some(key)) => recovery::restore_kit(client, patient, key, &keep).await?,
                    (Some(file), None) => {
                        let passphrase = other_passphrase(
                            "Passphrase of the backup: ",
                            backup_passphrase_file.as_deref(),
                        )?;
                        recovery::restore_backup(client, patient, file, &passphrase, &keep).await?
                    }
                    (None, None) => recovery::restore(&client, patient, &files, &keep).await?,
                };
                print(global, &taken, || {
                    format!(
                        "The helpers' shares, every backup and every kit are worth nothing now: make new ones with `salus recovery setup`, `salus recovery backup` and `salus recovery kit`. {}",
                        anew(&taken)
                    )
                })
            }
            Recovery::Backup {
                out,
                backup_passphrase_file,
                about,
            } => {
                if out.exists() {
                    bail!("{} is there already: choose another name", out.display());
                }
                let (client, patient) = about_patient(global, about.patient).await?;
                let passphrase = new_passphrase(backup_passphrase_file.as_deref())?;
                let made =
                    recovery::backup(&client, patient, &passphrase, WORK_FACTOR, &out).await?;
                print(global, &made, || {
                    format!(
                        "{} opens the keyring together with its passphrase and your account's phrase. Keep it where a fire does not reach both. An earlier backup opens nothing any more.",
                        out.display()
                    )
                })
            }
            Recovery::Kit { out, about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let made = recovery::kit(&client, patient, &out).await?;
                print(global, &made, || {
                    format!(
                        "Print {} on a printer that you trust, and delete it: with your account it opens the keyring, without a passphrase. Keep the page in a safe, apart from your account's phrase. It is good as long as `salus keyring show` names {}; destroy an earlier kit.",
                        out.display(),
                        made.holder
                    )
                })
            }
        }
    }
}

impl Help {
    async fn give(self, global: &Global, word: Word) -> anyhow::Result<()> {
        let request = read_request(&self.request)?;
        let share = read(&self.share)?;
        let client = client(global).await?;
        let given = recovery::give(&client, &request, word, &share).await?;
        write_atomically(&self.out, &given.share)?;
        let mut result = serde_json::to_value(&given)?;
        result["file"] = json!(self.out);
        print(global, &result, || {
            format!(
                "You stand behind giving patient {} to {} (code {}). Give {} to the new phone. {}",
                given.patient,
                given.owner,
                given.code,
                self.out.display(),
                match given.ready_at {
                    Some(ready) => format!(
                        "You are enough: from {} on a helper runs `salus recovery finish`.",
                        moment(ready)
                    ),
                    None => "More helpers are needed: they run `salus recovery approve`.".into(),
                }
            )
        })
    }
}

/// Writes a request, for helpers or a guardian.
pub async fn request(
    global: &Global,
    about: &About,
    valid: Moment,
    out: &Path,
    whom: &str,
) -> anyhow::Result<()> {
    let (profile, unlocked, genesis) = offline(global).await?;
    ensure_private(&profile)?;
    let patient = Client::which(&profile, about.patient)?;
    let until = clock().saturating_add(valid);
    let (file, requested) = succession::request(&profile, &unlocked, genesis, patient, until)?;
    write_atomically(out, &file.to_json()?)?;
    let mut result = serde_json::to_value(&requested)?;
    result["file"] = json!(out);
    print(global, &result, || {
        format!(
            "Give {} to the {whom}, and tell them this code by telephone or in person: {}. It can be used until {}.",
            out.display(),
            requested.code,
            moment(requested.expires_at)
        )
    })
}

pub fn read_request(path: &Path) -> anyhow::Result<RequestFile> {
    let json = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(RequestFile::from_json(&json)?)
}

/// What is said of a patient whose keys were all made anew.
pub fn anew(taken: &TakenOver) -> String {
    let mut text = format!(
        "{} and the inbox have new keys, and {} got them.",
        count(taken.keys.rotated.len(), "compartment"),
        count(taken.redelivered, "grant")
    );
    if !taken.shut_out.is_empty() {
        text.push_str(&format!(
            " The keyring is closed to: {}.",
            taken.shut_out.join(", ")
        ));
    }
    text.push_str(
        " Others who write to the patient are warned of the new account: tell them that it is you.",
    );
    text.push_str(&untouched(&taken.keys.missing));
    text.push_str(&over(taken.ended.as_ref()));
    text.push_str(&passed_on(taken));
    text
}

/// What ended with the former deciders, and what lays it down again. Nothing of it comes back by itself.
fn over(ended: Option<&Ended>) -> String {
    let Some(ended) = ended else {
        return String::new();
    };
    let mut rows = Vec::new();
    let mut row = |what: String, command: &str| rows.push(vec![what, command.to_owned()]);
    if ended.recovery_plan {
        row("the helpers".into(), "salus recovery setup");
    }
    if ended.emergency_plan {
        row("what opens in an emergency".into(), "salus emergency plan");
    }
    let numbers = |numbers: &[u32]| {
        let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
        texts.join(", ")
    };
    if !ended.grants.is_empty() {
        row(
            format!(
                "grants {} (to write, or of a study)",
                numbers(&ended.grants)
            ),
            "salus share --write",
        );
    }
    if !ended.studies.is_empty() {
        // Nobody takes part in a study twice.
        row(format!("studies {}", numbers(&ended.studies)), "");
    }
    match rows.is_empty() {
        true => String::new(),
        false => format!(
            "\n\nThese ended with those who decided before, and nothing of it comes back by itself:\n\n{}",
            table(&["ended", "to have it again"], &rows)
        ),
    }
}

/// The compartments that could not be given new keys.
pub fn untouched(missing: &[String]) -> String {
    match missing {
        [] => String::new(),
        missing => format!(
            "\n\nNot in the keyring, so that their keys stay as they are and whoever had them reads what is added there: {}. Add nothing there. A device of yours that has them brings them with `salus keyring save`; then run `salus keyring rotate`.",
            missing.join(", ")
        ),
    }
}

/// The grants that go on, and what to do with those that nobody has confirmed.
fn passed_on(taken: &TakenOver) -> String {
    if taken.grants.is_empty() {
        return String::new();
    }
    let row = |grant: &LiveGrant| {
        vec![
            grant.row.grant.to_string(),
            grant.row.grantee.clone(),
            grant.row.labels.join(", "),
            moment(grant.granted_at),
            match grant.keys {
                NewKeys::Given => "new keys",
                NewKeys::LeftOut => "left out",
                NewKeys::Failed => "not delivered",
                NewKeys::NotNeeded => "goes on as it is",
            }
            .to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = taken.grants.iter().map(row).collect();
    let mut text = format!(
        "\n\nThese grants live. End each that you do not know with `salus revoke GRANT`:\n\n{}",
        table(&["grant", "to", "of", "given", ""], &rows)
    );
    let numbers = |wanted: fn(&LiveGrant) -> bool| -> Vec<String> {
        let found = taken.grants.iter().filter(|grant| wanted(grant));
        found.map(|grant| grant.row.grant.to_string()).collect()
    };
    let doubtful = numbers(|grant| grant.doubtful);
    if !doubtful.is_empty() {
        text.push_str(&match taken.asked_since {
            Some(began) => format!(
                "\n\nGiven since the recovery began on {}, so look at them first: {}.",
                moment(began),
                doubtful.join(", ")
            ),
            None => "\n\nThe trail does not tell when the old key was lost, so any of them may be somebody else's.".into(),
        });
    }
    let left_out = numbers(|grant| grant.keys == NewKeys::LeftOut);
    if !left_out.is_empty() {
        text.push_str(&format!(
            "\nLeft out: {}. They open nothing that is added from now on, and still what was there before, until you revoke them. Those that are yours get the new keys with the same command and `--keep-grant GRANT`, or share anew with `salus share`.",
            left_out.join(", ")
        ));
    }
    text
}

/// Whether a grant that may be a thief's gets the new keys: if it was named, or by whoever sits here.
fn keeps(global: &Global, named: &[GrantIndex], grant: &LiveGrant) -> bool {
    let row = &grant.row;
    if named.contains(&row.grant) {
        return true;
    }
    if global.machine() || !io::stdin().is_terminal() {
        return false;
    }
    eprint!(
        "Grant {} to {}, to {} {} until {}, was given on {}. Was it you, and shall it go on with new keys? [y/N] ",
        row.grant,
        row.grantee,
        row.rights,
        row.labels.join(", "),
        moment(row.expires_at),
        moment(grant.granted_at)
    );
    let mut answer = String::new();
    // Whoever cannot be asked has not said yes.
    let asked = io::stderr()
        .flush()
        .and_then(|()| io::stdin().read_line(&mut answer));
    asked.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

fn helper(text: &str) -> anyhow::Result<Helping> {
    let path = Path::new(text);
    if !path.is_file() {
        let account = parse::account(text).with_context(|| {
            format!("{text} is neither a file nor an account: a helper makes a file with `salus recovery offer`")
        })?;
        return Ok(Helping::Account(account));
    }
    let json = std::fs::read(path).with_context(|| format!("cannot read {text}"))?;
    Ok(Helping::Offer(OfferFile::from_json(&json)?))
}

fn read(path: &Path) -> anyhow::Result<Sealed> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Sealed {
        name: path.display().to_string(),
        bytes,
    })
}

fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<Sealed>> {
    paths.iter().map(|path| read(path)).collect()
}

fn stopped(what: &str, owners: &[String]) -> String {
    match owners {
        [] => what.to_owned(),
        owners => format!("{what} Stopped: nothing goes to {}.", owners.join(", ")),
    }
}

fn shown(view: &recovery::RecoveryView) -> String {
    let mut text = match &view.plan {
        Some(plan) => format!(
            "{}, and {} in which it can be stopped; named by {} on {}.",
            match plan.threshold {
                Some(threshold) => format!(
                    "{threshold} of these helpers:\n  {}\n",
                    plan.helpers.join("\n  ")
                ),
                None =>
                    "Helpers are named; who they are is noted in the keyring of whoever named them"
                        .into(),
            },
            span(plan.delay),
            plan.set_by,
            moment(plan.set_at),
        ),
        None => "No helpers are named: `salus recovery setup` names them.".into(),
    };
    if let Some(ending) = &view.ending {
        text.push_str(&format!(
            "\n\nAnnounced by {}, to be completed from {} on: {}. `salus recovery veto` keeps the present ones.",
            ending.by,
            moment(ending.due),
            match ending.replaced {
                false => "no helpers any more",
                true => "other helpers instead",
            }
        ));
    }
    for row in &view.recoveries {
        text.push_str(&format!("\n\n{}", under_way(row)));
    }
    text
}

fn under_way(row: &recovery::RecoveryRow) -> String {
    format!(
        "Under way since {}: to {}, by {}, of {} that it takes. {}",
        moment(row.started_at),
        row.owner,
        row.helpers.join(", "),
        row.threshold,
        match row.ready_at {
            Some(ready) => format!("It can be finished from {} on.", moment(ready)),
            None => "More helpers are needed.".into(),
        }
    )
}

fn on_duty(duties: &[recovery::Duty]) -> String {
    if duties.is_empty() {
        return "Nobody, as far as this profile knows: `salus recovery test SHARE` remembers whose share you keep.".into();
    }
    let texts = duties.iter().map(|duty| {
        let mut text = format!(
            "Patient {}, with {}: {}.",
            duty.patient,
            duty.helper,
            match duty.named {
                true => "the plan counts on your share",
                false => "the plan no longer knows your share, so ask for a new one or delete it",
            }
        );
        for row in &duty.recoveries {
            text.push_str(&format!("\n  {}", under_way(row)));
        }
        text
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_is_told_with_the_command_that_lays_it_down_again() {
        assert_eq!(over(None), "");
        assert_eq!(over(Some(&Ended::default())), "");
        let told = over(Some(&Ended {
            emergency_plan: true,
            recovery_plan: true,
            grants: vec![3, 4],
            studies: vec![5],
        }));
        for words in [
            "salus recovery setup",
            "salus emergency plan",
            "grants 3, 4",
            "salus share --write",
            "studies 5",
        ] {
            assert!(told.contains(words), "{told}");
        }
        let told = over(Some(&Ended {
            recovery_plan: true,
            ..Ended::default()
        }));
        assert!(!told.contains("emergency"), "{told}");
    }
}
