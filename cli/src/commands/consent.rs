//! `salus consent`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use salus_client::actions::clock;
use salus_client::actions::consents::{self, CredentialFile, RoleFile};
use salus_client::actions::describe::moment;
use salus_client::actions::patient;
use salus_client::profile::write_atomically;
use salus_primitives::{ClinicianRole, ControllerRole, Moment, OrgId, PatientId};
use serde_json::json;

use crate::args::Global;
use crate::context::offline;
use crate::output::print;
use crate::parse;

#[derive(Debug, Subcommand)]
pub enum Consent {
    /// Sign that an organisation may vouch for you
    Credential {
        /// The organisation's number
        #[arg(long)]
        organisation: OrgId,
        /// What you do there
        #[arg(long, ignore_case = true, value_parser = parse::clinician_role())]
        role: ClinicianRole,
        /// How long the consent can be used, 30 days at most
        #[arg(long, default_value = "7d", value_parser = parse::duration, value_name = "DURATION")]
        valid: Moment,
        /// The file to give to the organisation's admin
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sign that you take a role for a patient
    Role {
        /// The patient
        #[arg(long)]
        patient: PatientId,
        /// What you will be for the patient
        #[arg(long, ignore_case = true, value_parser = parse::controller_role())]
        role: ControllerRole,
        /// How long the consent can be used, 30 days at most
        #[arg(long, default_value = "7d", value_parser = parse::duration, value_name = "DURATION")]
        valid: Moment,
        /// The file to give to who decides for the patient
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

impl Consent {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (profile, unlocked, genesis) = offline(global).await?;
        match self {
            Consent::Credential {
                organisation,
                role,
                valid,
                out,
            } => {
                let file = consents::credential(
                    &unlocked.account,
                    genesis,
                    organisation,
                    role,
                    clock(),
                    valid,
                )?;
                patient::work_for(&profile, organisation)?;
                write_atomically(&out, &file.to_json()?)?;
                let result = json!({
                    "account": file.account,
                    "organisation": organisation,
                    "role": role,
                    "expires_at": file.expires_at,
                    "file": out,
                });
                print(global, &result, || {
                    format!(
                        "Give {} to the admin of organisation {organisation}, who can vouch for you until {}.",
                        out.display(),
                        moment(file.expires_at)
                    )
                })
            }
            Consent::Role {
                patient,
                role,
                valid,
                out,
            } => {
                patient::ensure_private(&profile)?;
                let key = profile.key_for(&unlocked.account, &patient)?;
                let file = consents::role(&key, genesis, patient, role, clock(), valid)?;
                write_atomically(&out, &file.to_json()?)?;
                let result = json!({
                    "account": file.account,
                    "patient": file.patient,
                    "role": role,
                    "expires_at": file.expires_at,
                    "file": out,
                });
                print(global, &result, || {
                    format!(
                        "Give {} to who decides for patient {patient}, with the account {}, which is for this patient alone; it can be used until {}.",
                        out.display(),
                        file.account,
                        moment(file.expires_at)
                    )
                })
            }
        }
    }
}

pub fn read_credential(path: &Path) -> anyhow::Result<CredentialFile> {
    CredentialFile::from_json(&read(path)?).with_context(|| path.display().to_string())
}

pub fn read_role(path: &Path) -> anyhow::Result<RoleFile> {
    RoleFile::from_json(&read(path)?).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
