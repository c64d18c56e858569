//! Every call of the chain, typed. Arguments are encoded here; the indices of pallet and call are
//! looked up in the chain's metadata when it is signed.

use std::borrow::Cow;

use codec::Encode;
use salus_primitives::{
    signing::{CredentialConsent, RoleConsent},
    AccountId, Balance, Cid, ClinicianRole, CompartmentId, CompartmentSet, ControllerRole,
    CorrectionIndex, Delivery, EnrolmentConsent, GlassIndex, GrantIndex, GrantTerms, Helpers,
    Moment, NewRecord, OrgId, OrganisationKind, Part, PatientId, Purpose, Recipient, RecordIndex,
    RequestIndex, ShareHolder, Spender, StudyIndex, SuccessionConsent, MAX_ANCHORS, MAX_DELIVERIES,
    MAX_ERASURES, MAX_HOLDERS, MAX_NAME, MAX_OPEN, MAX_SCOPE, MAX_URL,
};
use sp_core::H256;

use super::error::{ChainError, Result};

/// A call, ready to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub pallet: Cow<'static, str>,
    pub name: Cow<'static, str>,
    /// SCALE of the arguments, in order.
    pub args: Vec<u8>,
}

impl Call {
    /// A call by name, for what is not listed here.
    pub fn new(
        pallet: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
        args: Vec<u8>,
    ) -> Self {
        Self {
            pallet: pallet.into(),
            name: name.into(),
            args,
        }
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.pallet, self.name)
    }
}

macro_rules! calls {
    ($pallet:literal: $(
        $(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?);
    )*) => {$(
        $(#[$doc])*
        pub fn $name($($arg: $ty),*) -> Call {
            #[allow(unused_mut)]
            let mut args = Vec::new();
            $($arg.encode_to(&mut args);)*
            Call::new($pallet, stringify!($name), args)
        }
    )*};
}

fn at_most<T>(what: &'static str, max: u32, items: &[T]) -> Result<()> {
    if items.len() > max as usize {
        return Err(ChainError::TooMany {
            what,
            max,
            found: items.len(),
        });
    }
    Ok(())
}

pub mod system {
    use super::*;

    calls! { "System":
        /// Leaves a remark on the chain, and does nothing else.
        fn remark(remark: &[u8]);
        /// Submits the code of a runtime whose hash governance has allowed.
        fn apply_authorized_upgrade(code: &[u8]);
    }
}

pub mod upgrades {
    use super::*;

    calls! { "Upgrades":
        /// Governance: allows the runtime with this hash.
        fn authorize(code_hash: H256);
    }
}

/// Decisions of the consortium that are announced days before anybody can carry them out.
pub mod timelock {
    use super::*;

    /// Announces a call, given as the bytes of [`super::super::Runtime::encode_call`].
    pub fn announce(call: &[u8]) -> Call {
        Call::new("Timelock", "announce", call.to_vec())
    }

    calls! { "Timelock":
        fn enact(decision: u32);
        /// Governance: calls a decision off.
        fn cancel(decision: u32);
    }
}

pub mod validators {
    use super::*;

    calls! { "Validators":
        /// Governance: keeps an organisation from validating.
        fn bar(organisation: OrgId);
        /// Governance: lets a barred organisation validate again.
        fn readmit(organisation: OrgId);
    }
}

pub mod session {
    use super::*;

    /// The admin registers its validator's keys, as `author_rotateKeysWithOwner` returned them.
    pub fn set_keys(keys: &[u8], proof: &[u8]) -> Call {
        let mut args = keys.to_vec();
        proof.encode_to(&mut args);
        Call::new("Session", "set_keys", args)
    }
}

/// Governance: the organisations' admins decide.
pub mod motions {
    use super::*;

    /// Proposes a call, given as the bytes of [`super::super::Runtime::encode_call`], or votes for
    /// it where it is proposed already. How many votes it takes follows from the call.
    pub fn propose(proposal: &[u8]) -> Call {
        Call::new("Motions", "propose", proposal.to_vec())
    }

    calls! { "Motions":
        /// Votes on a motion.
        fn vote(proposal: H256, approve: bool);
        /// Ends a motion, and carries it out if it was approved.
        fn close(proposal: H256);
        /// Whoever proposed a motion takes it back.
        fn withdraw(proposal: H256);
    }
}

pub mod members {
    use super::*;

    /// Governance: admits an organisation.
    pub fn admit(
        admin: &AccountId,
        kind: OrganisationKind,
        name: &str,
        vault_url: &str,
    ) -> Result<Call> {
        at_most("a name's bytes", MAX_NAME, name.as_bytes())?;
        at_most("an address's bytes", MAX_URL, vault_url.as_bytes())?;
        let args = (admin, kind, name, vault_url).encode();
        Ok(Call::new("Members", "admit", args))
    }

    /// The admin changes its organisation's name and vault.
    pub fn set_profile(name: &str, vault_url: &str) -> Result<Call> {
        at_most("a name's bytes", MAX_NAME, name.as_bytes())?;
        at_most("an address's bytes", MAX_URL, vault_url.as_bytes())?;
        let args = (name, vault_url).encode();
        Ok(Call::new("Members", "set_profile", args))
    }

    calls! { "Members":
        /// Governance: suspends an organisation, and so everyone in it.
        fn suspend(organisation: OrgId);
        /// Governance: ends an organisation's suspension.
        fn reinstate(organisation: OrgId);
        /// Governance: names another admin. Announced first.
        fn set_admin(organisation: OrgId, admin: &AccountId);
        /// Governance: how much block time accounts of a kind may use. Capacity, and what comes back
        /// with each block, in picoseconds; and how many transactions may wait.
        fn set_allowance(spender: Spender, capacity: u64, refill: u64, nonces: u64);
        /// Publishes the signer's own encryption key.
        fn publish_recipient(recipient: &Recipient);
        /// The admin publishes its organisation's encryption key.
        fn publish_organisation_recipient(recipient: &Recipient);
        /// The admin credentials an account, with that account's word; to renew takes none.
        fn credential(
            account: &AccountId,
            role: ClinicianRole,
            valid_until: Moment,
            consent: Option<&CredentialConsent>,
        );
        fn suspend_clinician(account: &AccountId);
        fn reinstate_clinician(account: &AccountId);
        /// The admin, or the clinician, ends a credential.
        fn end_credential(account: &AccountId);
    }
}

pub mod patients {
    use super::*;

    calls! { "Patients":
        /// Enrols a patient with the word of the future controller.
        fn enrol(
            patient: PatientId,
            controller: &AccountId,
            compartments: &CompartmentSet,
            inbox: &Recipient,
            consent: &EnrolmentConsent,
        );
        /// Gives an account a role, with that account's word.
        fn add_controller(
            patient: PatientId,
            account: &AccountId,
            role: ControllerRole,
            expires_at: Option<Moment>,
            consent: &RoleConsent,
        );
        /// Ends a role: that of another owner for good when it is called again after 72 hours.
        fn remove_controller(patient: PatientId, account: &AccountId);
        /// Who decides, or is to be removed, stops a removal that waits.
        fn veto_removal(patient: PatientId, account: &AccountId);
        /// Names the encrypted keyring in the vault.
        fn set_keyring(patient: PatientId, keyring: Cid);
        /// Names a keyring again that was replaced within 72 hours.
        fn restore_keyring(patient: PatientId, keyring: Cid);
        /// Publishes the key that letters to the patient are encrypted to.
        fn set_inbox(patient: PatientId, recipient: &Recipient);
        /// A decider or an owner hands the patient over, with the new owner's word.
        fn hand_over(patient: PatientId, owner: &AccountId, consent: &SuccessionConsent);
        /// Does what waited for as long as the recovery plan says.
        fn complete_hand_over(patient: PatientId);
        /// Who decides for the patient stops a hand-over that waits.
        fn veto_hand_over(patient: PatientId);
        /// The admin takes back an enrolment of the wrong person.
        fn void_enrolment(patient: PatientId);
        /// Who alone decides says that they are the patient.
        fn declare_owner(patient: PatientId);
    }
}

/// Getting back in, with the help of others.
pub mod recovery {
    use super::*;

    calls! { "Recovery":
        /// Commits to who can give the patient to a new account together, and says after how long.
        /// Where a plan is in force, this announces its end: the same again when that plan's delay is
        /// over.
        fn set_plan(patient: PatientId, helpers: &Helpers, delay: Moment);
        /// Ends the plan: when it is called again after the plan's delay.
        fn remove_plan(patient: PatientId);
        /// Carries out what was announced about the plan, once it is due.
        fn complete(patient: PatientId);
        /// Who decides for the patient keeps a plan whose end was announced.
        fn veto_ending(patient: PatientId);
        /// A helper begins, with the word of the account that is to become owner.
        fn start(
            patient: PatientId,
            owner: &AccountId,
            consent: &SuccessionConsent,
            salt: H256,
            threshold: u8,
        );
        /// Another helper stands behind it.
        fn approve(patient: PatientId, owner: &AccountId, salt: H256);
        /// A helper takes that back.
        fn withdraw(patient: PatientId, owner: &AccountId);
        /// Who decides for the patient stops it, unless it leads to another owner for good.
        fn cancel(patient: PatientId, owner: &AccountId);
        /// Makes the account the owner, once the delay is over.
        fn finish(patient: PatientId, owner: &AccountId);
    }
}

pub mod emergency {
    use super::*;

    /// Decides what an emergency opens, if anything: an envelope with the keys of the compartments that
    /// the commitment stands for, whose own key is dealt to the holders' vaults.
    pub fn set_plan(
        patient: PatientId,
        commitment: H256,
        holders: &[ShareHolder],
        threshold: u8,
        package: Cid,
    ) -> Result<Call> {
        at_most("a plan's holders", MAX_HOLDERS, holders)?;
        let args = (patient, commitment, holders, threshold, package).encode();
        Ok(Call::new("Emergency", "set_plan", args))
    }

    /// The clinician who broke a glass says what its package names, and may read that.
    pub fn reveal(
        patient: PatientId,
        glass: GlassIndex,
        compartments: &[CompartmentId],
        salt: &[u8; 32],
    ) -> Result<Call> {
        at_most("a plan's compartments", MAX_SCOPE, compartments)?;
        let args = (patient, glass, compartments, salt).encode();
        Ok(Call::new("Emergency", "reveal", args))
    }

    calls! { "Emergency":
        /// Who decides for the patient ends an emergency access.
        fn end_glass(patient: PatientId, glass: GlassIndex);
        /// A clinician takes emergency access; the letter says why.
        fn break_glass(patient: PatientId, letter: Cid);
        /// The clinician's organisation says whether it was justified.
        fn review(patient: PatientId, glass: GlassIndex, justified: bool);
        /// Who decides for the patient disputes it.
        fn dispute(patient: PatientId, glass: GlassIndex, letter: Cid);
        /// Lets a clinician break glasses again.
        fn readmit(clinician: &AccountId);
    }
}

pub mod records {
    use super::*;

    /// Anchors up to 128 records, of several patients, or none of them.
    pub fn anchor_many(items: &[(PatientId, Option<GrantIndex>, NewRecord)]) -> Result<Call> {
        at_most("a batch of records", MAX_ANCHORS, items)?;
        Ok(Call::new("Records", "anchor_many", items.encode()))
    }

    calls! { "Records":
        /// Gives a compartment a new key and epoch.
        fn rotate(patient: PatientId, compartment: CompartmentId, recipient: &Recipient);
        /// Anchors a record; controllers need no grant.
        fn anchor(patient: PatientId, grant: Option<GrantIndex>, record: &NewRecord);
        /// Files a record in another compartment, encrypted anew.
        fn reclassify(
            patient: PatientId,
            record: RecordIndex,
            compartment: CompartmentId,
            epoch: u32,
            content: Cid,
        );
        /// Names a new file of the same record.
        fn relocate(patient: PatientId, record: RecordIndex, epoch: u32, content: Cid);
        /// Names a file of the record again that was replaced within 72 hours.
        fn restore(patient: PatientId, record: RecordIndex, content: Cid);
        /// Asks for a record's file to be deleted, after 72 hours.
        fn erase(patient: PatientId, record: RecordIndex);
        fn cancel_erase(patient: PatientId, record: RecordIndex);
        fn finish_erase(patient: PatientId, record: RecordIndex);
    }
}

pub mod consent {
    use super::*;

    calls! { "Consent":
        /// Asks a patient for access; what for stands in the letter. What is offered is held, and
        /// paid to the owner or decider who approves.
        fn request(
            patient: PatientId,
            purpose: Purpose,
            duration: Moment,
            letter: Cid,
            offer: Option<Balance>,
        );
        fn withdraw_request(patient: PatientId, request: RequestIndex);
        fn decline(patient: PatientId, request: RequestIndex);
        /// Answers a request with a grant, which may be less than was asked for.
        fn approve(
            patient: PatientId,
            request: RequestIndex,
            terms: &GrantTerms,
            envelope: Option<Cid>,
        );
        fn grant(patient: PatientId, terms: &GrantTerms, envelope: Option<Cid>);
        fn revoke(patient: PatientId, grant: GrantIndex);
        /// Delivers keys to a grantee, again after each rotation.
        fn deliver_envelope(patient: PatientId, grant: GrantIndex, envelope: Cid);
        /// Clears away at most `limit` expired grants.
        fn sweep(limit: u32);
    }
}

pub mod access_log {
    use super::*;

    /// Opens up to 64 records of a patient: writes to the log what will be read. Software gives the seal
    /// of the person for whom it asks.
    pub fn open(
        patient: PatientId,
        records: &[RecordIndex],
        part: Part,
        grant: GrantIndex,
        person: Option<H256>,
    ) -> Result<Call> {
        at_most("an opening's records", MAX_OPEN, records)?;
        let args = (patient, records, part, grant, person).encode();
        Ok(Call::new("AccessLog", "open", args))
    }

    /// A vault tells what it has handed out.
    pub fn delivered(batch: &[Delivery]) -> Result<Call> {
        at_most("a batch of deliveries", MAX_DELIVERIES, batch)?;
        Ok(Call::new("AccessLog", "delivered", batch.encode()))
    }

    /// A vault commits to all logs of own reads, as they stood after a day.
    pub fn commit_reads(day: u32, root: H256) -> Call {
        Call::new("AccessLog", "commit_reads", (day, root).encode())
    }
}

pub mod copies {
    use super::*;

    /// A vault confirms that it has no copy of these erased records.
    pub fn confirm_erasures(batch: &[(PatientId, RecordIndex)]) -> Result<Call> {
        at_most("a batch of erasures", MAX_ERASURES, batch)?;
        Ok(Call::new("Copies", "confirm_erasures", batch.encode()))
    }

    calls! { "Copies":
        /// Says how many vaults keep each file.
        fn set_replication(copies: u32);
    }
}

pub mod corrections {
    use super::*;

    calls! { "Corrections":
        /// Asks the author of a record to correct it.
        fn ask(patient: PatientId, record: RecordIndex, letter: Cid);
        fn accept(patient: PatientId, correction: CorrectionIndex, replacement: RecordIndex);
        fn partly_accept(
            patient: PatientId,
            correction: CorrectionIndex,
            replacement: RecordIndex,
            letter: Cid,
        );
        fn deny(patient: PatientId, correction: CorrectionIndex, letter: Cid);
        /// The patient's statement after a denial.
        fn disagree(patient: PatientId, correction: CorrectionIndex, letter: Cid);
        /// The author's answer to that statement.
        fn rebut(patient: PatientId, correction: CorrectionIndex, letter: Cid);
        /// Takes 30 more days to answer, once.
        fn extend(patient: PatientId, correction: CorrectionIndex);
        /// The author corrects unasked.
        fn make(patient: PatientId, record: RecordIndex, replacement: RecordIndex);
        /// Governance: who answers for a dissolved organisation.
        fn name_successor(organisation: OrgId, successor: OrgId);
    }
}

pub mod credits {
    use super::*;

    calls! { "Credits":
        /// Governance: makes credits.
        fn mint(account: &AccountId, amount: Balance);
        /// Governance: takes credits away that are free.
        fn burn(account: &AccountId, amount: Balance);
        /// Takes back what was offered for a request that has lapsed.
        fn reclaim(patient: PatientId, request: RequestIndex);
    }
}

pub mod research {
    use super::*;

    calls! { "Research":
        /// The admin announces a study, and holds what all of its participants will get.
        fn announce(terms: Cid, price: Balance, quota: u32, ends_at: Moment);
        /// Lets a study read one compartment, in which this record lies, for its price.
        fn opt_in(
            study: StudyIndex,
            patient: PatientId,
            compartment: CompartmentId,
            record: RecordIndex,
            envelope: Cid,
        );
        fn withdraw(patient: PatientId);
        /// The admin, or anybody when its time is over, ends a study; what is left is returned.
        fn end(study: StudyIndex);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::{Grantee, Rights, Scope};
    use sp_core::sr25519;
    use sp_runtime::MultiSignature;

    const PATIENT: PatientId = PatientId([0xaa; 16]);

    #[track_caller]
    fn assert_args(call: &Call, name: &str, expected: &[&str]) {
        assert_eq!(call.to_string(), name);
        assert_eq!(hex::encode(&call.args), expected.concat());
    }

    #[test]
    fn accounts_and_options_are_plain_scale() {
        let account = AccountId::new([0x11; 32]);
        let signature = MultiSignature::Sr25519(sr25519::Signature::from_raw([0x55; 64]));
        let consent = RoleConsent {
            signed_at: 4,
            expires_at: 6,
            signature: signature.clone(),
        };
        assert_args(
            &patients::add_controller(PATIENT, &account, ControllerRole::Carer, Some(5), &consent),
            "Patients.add_controller",
            &[
                &"aa".repeat(16),
                &"11".repeat(32),
                "02",
                "01",
                "0500000000000000",
                "0400000000000000",
                "0600000000000000",
                "01",
                &"55".repeat(64),
            ],
        );
        let consent = CredentialConsent {
            signed_at: 2,
            expires_at: 3,
            signature,
        };
        let common = ["11".repeat(32), "07".into(), "0100000000000000".into()].concat();
        assert_args(
            &members::credential(&account, ClinicianRole::Service, 1, None),
            "Members.credential",
            &[&common, "00"],
        );
        assert_args(
            &members::credential(&account, ClinicianRole::Service, 1, Some(&consent)),
            "Members.credential",
            &[
                &common,
                "01",
                "0200000000000000",
                "0300000000000000",
                "01",
                &"55".repeat(64),
            ],
        );
    }

    #[test]
    fn a_grant_encodes_its_terms_in_order() {
        let terms = GrantTerms {
            grantee: Grantee::Organisation(7),
            scope: Scope::Records(vec![1, 2].try_into().unwrap()),
            rights: Rights::ReadWrite,
            purpose: Purpose::HResch,
            starts_at: None,
            expires_at: 258,
            anchored_from: Some(1),
            anchored_until: None,
            terms: None,
            flags: 0,
            derived_from: None,
        };
        assert_args(
            &consent::grant(PATIENT, &terms, Some(Cid::raw([0x22; 32]))),
            "Consent.grant",
            &[
                &"aa".repeat(16),
                "0107000000",           // organisation
                "01080100000002000000", // records
                "02",                   // rights
                "06",                   // purpose
                "00",                   // starts_at
                "0201000000000000",     // expires_at
                "010100000000000000",   // anchored_from
                "00",                   // anchored_until
                "00",                   // terms
                "00",                   // flags
                "00",                   // derived_from
                "01",
                "01551220",
                &"22".repeat(32),
            ],
        );
    }

    #[test]
    fn amounts_are_sixteen_bytes() {
        let letter = Cid::raw([0x22; 32]);
        assert_args(
            &consent::request(PATIENT, Purpose::Treat, 1, letter, Some(258)),
            "Consent.request",
            &[
                &"aa".repeat(16),
                "00",
                "0100000000000000",
                "01551220",
                &"22".repeat(32),
                "01",
                "02010000000000000000000000000000",
            ],
        );
        assert_args(
            &research::announce(letter, 100, 3, 5),
            "Research.announce",
            &[
                "01551220",
                &"22".repeat(32),
                "64000000000000000000000000000000",
                "03000000",
                "0500000000000000",
            ],
        );
    }

    #[test]
    fn taking_part_names_a_record_and_its_keys() {
        let compartment = CompartmentId([0xbb; 16]);
        assert_args(
            &research::opt_in(1, PATIENT, compartment, 2, Cid::raw([0x22; 32])),
            "Research.opt_in",
            &[
                "01000000",
                &"aa".repeat(16),
                &"bb".repeat(16),
                "02000000",
                "01551220",
                &"22".repeat(32),
            ],
        );
    }

    #[test]
    fn opening_lists_the_records_and_bears_the_seal_of_a_person() {
        let seal = H256::repeat_byte(0x33);
        let open = |person| access_log::open(PATIENT, &[9], Part::Full, 3, person).unwrap();
        let common = [
            "aa".repeat(16),
            "0409000000".into(),
            "01".into(),
            "03000000".into(),
        ]
        .concat();
        assert_args(&open(None), "AccessLog.open", &[&common, "00"]);
        assert_args(
            &open(Some(seal)),
            "AccessLog.open",
            &[&common, "01", &"33".repeat(32)],
        );
    }

    #[test]
    fn a_motion_takes_the_call_as_it_is_and_no_weight() {
        let call = [20, 1, 5, 0, 0, 0];
        assert_args(
            &motions::propose(&call),
            "Motions.propose",
            &["140105000000"],
        );
        let hash = H256::repeat_byte(1);
        assert_args(
            &motions::vote(hash, true),
            "Motions.vote",
            &[&"01".repeat(32), "01"],
        );
        assert_args(&motions::close(hash), "Motions.close", &[&"01".repeat(32)]);
        assert_args(
            &motions::withdraw(hash),
            "Motions.withdraw",
            &[&"01".repeat(32)],
        );
    }

    #[test]
    fn what_lay_there_before_is_named_by_its_cid() {
        let content = Cid::raw([0x22; 32]);
        let cid = ["01551220", &"22".repeat(32)].concat();
        assert_args(
            &records::restore(PATIENT, 7, content),
            "Records.restore",
            &[&"aa".repeat(16), "07000000", &cid],
        );
        assert_args(
            &patients::restore_keyring(PATIENT, content),
            "Patients.restore_keyring",
            &[&"aa".repeat(16), &cid],
        );
    }

    #[test]
    fn too_long_lists_are_refused_before_they_are_sent() {
        let too_long = |result: Result<Call>| matches!(result, Err(ChainError::TooMany { .. }));
        let name = "x".repeat(MAX_NAME as usize + 1);
        let admin = AccountId::new([0; 32]);
        assert!(too_long(members::admit(
            &admin,
            OrganisationKind::Clinic,
            &name,
            ""
        )));
        assert!(members::admit(&admin, OrganisationKind::Clinic, &name[1..], "").is_ok());
        assert!(too_long(members::set_profile(
            "",
            &"x".repeat(MAX_URL as usize + 1)
        )));
        let records = vec![0; MAX_OPEN as usize + 1];
        let open = |records: &[u32]| access_log::open(PATIENT, records, Part::Full, 0, None);
        assert!(too_long(open(&records)));
        assert!(open(&records[1..]).is_ok());
    }
}
