//! Every call by everybody. A call without a row, or a row without a call, fails the test.
//!
//! Each cell starts from the same [`world::full`] and is rolled back. Calls are dispatched as the
//! runtime does after validation: what keeps a stranger out of this table is the call itself, not
//! the transaction extension.

use std::collections::BTreeSet;

use codec::Decode;
use frame_support::{
    assert_ok,
    storage::{with_transaction, TransactionOutcome},
    traits::{GetCallMetadata, PalletsInfoAccess},
    BoundedVec,
};
use salus_primitives::{
    commitment::plan_commitment, traits::Succession, ClinicianRole, Controller, ControllerRole,
    Delivery, OrganisationKind, Part, Purpose, Rights, ShareHolder, Subject, DAY,
};
use salus_runtime::{
    AllPalletsWithSystem, Credits, Members, Motions, Patients, Records, Runtime, RuntimeCall,
    RuntimeEvent, RuntimeOrigin, System,
};
use sp_core::H256;
use sp_runtime::{traits::Dispatchable, DispatchError};

use crate::world::{
    self, cid, new_record, recipient, set_time, terms, validator_keys, Who, GRANT, HOSPITAL,
    INTAKE, LABORATORY, LATER_RECORD, NOW, PATIENT, RECORD,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    By(Who),
    Root,
    None,
}

/// `Admin` runs the hospital that enrolled the patients and credentialed the clinicians and the
/// service; `OtherAdmin` runs another hospital; `OtherOwner` owns another patient of the first.
const COLUMNS: [Origin; 12] = [
    Origin::By(Who::Owner),
    Origin::By(Who::Guardian),
    Origin::By(Who::Carer),
    Origin::By(Who::OtherOwner),
    Origin::By(Who::Clinician),
    Origin::By(Who::Suspended),
    Origin::By(Who::Admin),
    Origin::By(Who::OtherAdmin),
    Origin::By(Who::Service),
    Origin::By(Who::Stranger),
    Origin::Root,
    Origin::None,
];

/// Brings about what the call needs, and returns the call as `who` would make it.
type Make = fn(who: Who) -> RuntimeCall;
type Row = (&'static str, Make, [&'static str; COLUMNS.len()]);

/// Done.
const OK: &str = "Ok";
/// The call went through and left `Refused` in the patient's trail.
const REF: &str = "Refused";
/// Not signed, or not by governance.
const BAD: &str = "BadOrigin";
/// Not a controller of this patient, or not one who may do that.
const CTL: &str = "Patients.NotAuthorized";
/// Does not run an organisation in good standing.
const ADM: &str = "Members.NotAuthorized";
/// Runs another organisation than the clinician's.
const ORG: &str = "Members.NotCredentialed";
/// Neither a member in good standing nor a controller.
const MEM: &str = "Members.NotAuthorized";
/// Not a clinician or service in good standing.
const CLI: &str = "Patients.NotAuthorized";
const ASK: &str = "Consent.NotAClinician";
/// Not the account that asked, nor its organisation's admin.
const REQ: &str = "Consent.NotRequester";
/// May answer, but not where credits are offered for a yes.
const OFF: &str = "Consent.OfferNotYours";
/// Neither a member in good standing nor a controller of this patient.
const ANC: &str = "Records.NotAuthorized";
const WRI: &str = "Records.NoWriteGrant";
const RDR: &str = "AccessLog.NotAMember";
/// Software, and gives no seal of a person.
const NOP: &str = "AccessLog.NoPerson";
/// A person, and gives a seal.
const PER: &str = "AccessLog.PersonSigns";
const SRV: &str = "AccessLog.NotAService";
const VLT: &str = "Copies.NotAService";
/// Not the one who must answer for the record.
const RSP: &str = "Corrections.NotResponder";
/// Not a helper whom the patient named.
const HLP: &str = "Recovery.NotAHelper";
/// A guardian, where there is an owner.
const OWN: &str = "Recovery.NotAuthorized";
/// Stands behind that recovery already.
const APP: &str = "Recovery.AlreadyApproved";
/// Does not stand behind that recovery.
const BEH: &str = "Recovery.NotApproved";
/// Not a clinician in good standing.
const EMG: &str = "Emergency.NotAClinician";
/// A clinician, of a role that may not break a glass.
const ROL: &str = "Emergency.RoleMayNot";
/// Has not broken the glass.
const GLS: &str = "Emergency.NotTheClinician";
/// Does not run the organisation for which the glass was broken.
const REV: &str = "Emergency.NotReviewer";
/// Did not make the offer.
const PAY: &str = "Credits.NotPayer";
/// Not a service of the organisation that serves the link.
const LNK: &str = "Links.NotServing";
/// Does not run an organisation in good standing, or not that of the study.
const STU: &str = "Research.NotAnAdmin";
const SEA: &str = "Motions.NotASeat";
/// Did not propose the motion.
const PRO: &str = "Motions.NotProposer";
const UPG: &str = "System.NothingAuthorized";
/// Nothing of what is reported happened.
const EQU: &str = "Grandpa.InvalidEquivocationProof";
/// Runs no organisation.
const NOA: &str = "Session.NoAssociatedValidatorId";
/// Does not hold these keys.
const PRF: &str = "Session.InvalidProof";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("System.remark",             remark,        [OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK]),
    ("System.apply_authorized_upgrade", upgrade, [UPG,  UPG,  UPG,  UPG,  UPG,  UPG,  UPG,  UPG,  UPG,  UPG,  UPG,  UPG]),
    ("Timestamp.set",             set_now,       [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK]),
    ("Grandpa.report_equivocation_unsigned", report, [BAD, BAD, BAD, BAD, BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  EQU]),
    ("Session.set_keys",          set_keys,      [NOA,  NOA,  NOA,  NOA,  NOA,  NOA,  OK,   OK,   NOA,  NOA,  BAD,  BAD]),
    ("Session.set_keys",          set_others_keys, [PRF, PRF, PRF,  PRF,  PRF,  PRF,  PRF,  PRF,  PRF,  PRF,  BAD,  BAD]),
    ("Validators.bar",            bar,           [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Validators.revive",         revive,        [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Validators.readmit",        readmit,       [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),

    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Motions.propose",           propose,       [SEA,  SEA,  SEA,  SEA,  SEA,  SEA,  OK,   OK,   SEA,  SEA,  BAD,  BAD]),
    ("Motions.vote",              vote,          [SEA,  SEA,  SEA,  SEA,  SEA,  SEA,  OK,   OK,   SEA,  SEA,  BAD,  BAD]),
    ("Motions.close",             close,         [OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   BAD,  BAD]),
    ("Motions.withdraw",          withdraw_motion, [PRO, PRO, PRO,  PRO,  PRO,  PRO,  OK,   PRO,  PRO,  PRO,  BAD,  BAD]),
    ("Timelock.announce",         announce,      [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Timelock.enact",            enact,         [OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   BAD,  BAD]),
    ("Timelock.cancel",           cancel,        [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Upgrades.authorize",        authorize,     [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),

    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Members.admit",             admit,         [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Members.suspend",           suspend,       [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Members.reinstate",         reinstate,     [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Members.set_admin",         set_admin,     [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Members.set_profile",       set_profile,   [ADM,  ADM,  ADM,  ADM,  ADM,  ADM,  OK,   OK,   ADM,  ADM,  BAD,  BAD]),
    ("Members.set_directory",     set_directory, [ADM,  ADM,  ADM,  ADM,  ADM,  ADM,  OK,   OK,   ADM,  ADM,  BAD,  BAD]),
    ("Members.publish_recipient", publish,       [OK,   OK,   OK,   OK,   OK,   MEM,  OK,   OK,   OK,   MEM,  BAD,  BAD]),
    ("Members.publish_organisation_recipient", publish_organisation,
                                                 [ADM,  ADM,  ADM,  ADM,  ADM,  ADM,  OK,   OK,   ADM,  ADM,  BAD,  BAD]),
    ("Members.credential",        credential,    [ADM,  ADM,  ADM,  ADM,  ADM,  ADM,  OK,   OK,   ADM,  ADM,  BAD,  BAD]),
    ("Members.suspend_clinician", suspend_one,   [ADM,  ADM,  ADM,  ADM,  ADM,  ADM,  OK,   ORG,  ADM,  ADM,  BAD,  BAD]),
    ("Members.reinstate_clinician", reinstate_one, [ADM, ADM, ADM,  ADM,  ADM,  ADM,  OK,   ORG,  ADM,  ADM,  BAD,  BAD]),
    ("Members.end_credential",    end_credential, [ADM, ADM,  ADM,  ADM,  OK,   ADM,  OK,   ADM,  ADM,  ADM,  BAD,  BAD]),
    ("Members.set_allowance",     set_allowance, [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),

    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Patients.enrol",            enrol,         [CLI,  CLI,  CLI,  CLI,  OK,   CLI,  CLI,  CLI,  OK,   CLI,  BAD,  BAD]),
    ("Patients.add_controller",   add_controller, [OK,  OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.remove_controller", remove_controller, [OK, OK, CTL, CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.set_keyring",      set_keyring,   [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.set_inbox",        set_inbox,     [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.hand_over",        hand_over,     [OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.complete_hand_over", complete_hand_over, [OK, CTL, CTL, CTL, CTL, CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.veto_hand_over",   veto_hand_over, [OK,  OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.veto_removal",     veto_removal,  [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.declare_owner",    declare_owner, [OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.restore_keyring",  restore_keyring, [OK, OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Patients.void_enrolment",   void_enrolment, [CTL, CTL,  CTL,  CTL,  CTL,  CTL,  OK,   CTL,  CTL,  CTL,  BAD,  BAD]),

    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Records.rotate",            rotate,        [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Records.anchor",            anchor_own,    [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Records.anchor",            anchor_granted, [ANC, ANC,  ANC,  ANC,  OK,   ANC,  WRI,  WRI,  WRI,  ANC,  BAD,  BAD]),
    ("Records.anchor_many",       anchor_many,   [ANC,  ANC,  ANC,  ANC,  OK,   ANC,  WRI,  WRI,  WRI,  ANC,  BAD,  BAD]),
    ("Records.reclassify",        reclassify,    [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Records.relocate",          relocate,      [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Records.restore",           restore,       [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Records.erase",             erase,         [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Records.cancel_erase",      cancel_erase,  [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Records.finish_erase",      finish_erase,  [OK,   OK,   OK,   ANC,  OK,   ANC,  OK,   OK,   OK,   ANC,  BAD,  BAD]),

    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Consent.request",           request,       [ASK,  ASK,  ASK,  ASK,  OK,   ASK,  ASK,  ASK,  OK,   ASK,  BAD,  BAD]),
    ("Consent.withdraw_request",  withdraw,      [REQ,  REQ,  REQ,  REQ,  OK,   REQ,  OK,   REQ,  REQ,  REQ,  BAD,  BAD]),
    ("Consent.decline",           decline,       [OK,   OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Consent.decline",           decline_paid,  [OK,   OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Consent.approve",           approve,       [OK,   OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Consent.approve",           approve_paid,  [OK,   OK,   OFF,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Consent.grant",             grant,         [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Consent.revoke",            revoke,        [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Consent.deliver_envelope",  deliver_envelope, [OK, OK,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Consent.sweep",             sweep,         [OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   BAD,  BAD]),

    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("AccessLog.open",            open,          [RDR,  RDR,  RDR,  RDR,  OK,   RDR,  REF,  REF,  NOP,  RDR,  BAD,  BAD]),
    ("AccessLog.open",            open_sealed,   [RDR,  RDR,  RDR,  RDR,  PER,  RDR,  PER,  PER,  REF,  RDR,  BAD,  BAD]),
    ("AccessLog.delivered",       delivered,     [SRV,  SRV,  SRV,  SRV,  SRV,  SRV,  SRV,  SRV,  OK,   SRV,  BAD,  BAD]),
    ("AccessLog.commit_reads",    commit_reads,  [SRV,  SRV,  SRV,  SRV,  SRV,  SRV,  SRV,  SRV,  OK,   SRV,  BAD,  BAD]),

    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Corrections.ask",           ask,           [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Corrections.accept",        accept,        [RSP,  RSP,  RSP,  RSP,  OK,   RSP,  OK,   RSP,  RSP,  RSP,  BAD,  BAD]),
    ("Corrections.partly_accept", partly_accept, [RSP,  RSP,  RSP,  RSP,  OK,   RSP,  OK,   RSP,  RSP,  RSP,  BAD,  BAD]),
    ("Corrections.deny",          deny,          [RSP,  RSP,  RSP,  RSP,  OK,   RSP,  OK,   RSP,  RSP,  RSP,  BAD,  BAD]),
    ("Corrections.disagree",      disagree,      [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Corrections.rebut",         rebut,         [RSP,  RSP,  RSP,  RSP,  OK,   RSP,  OK,   RSP,  RSP,  RSP,  BAD,  BAD]),
    ("Corrections.extend",        extend,        [RSP,  RSP,  RSP,  RSP,  OK,   RSP,  OK,   RSP,  RSP,  RSP,  BAD,  BAD]),
    ("Corrections.make",          make,          [RSP,  RSP,  RSP,  RSP,  OK,   RSP,  OK,   RSP,  RSP,  RSP,  BAD,  BAD]),
    ("Corrections.name_successor", name_successor, [BAD, BAD, BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),

    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Copies.confirm_erasures",   confirm_erasures, [VLT, VLT, VLT, VLT,  VLT,  VLT,  VLT,  VLT,  OK,   VLT,  BAD,  BAD]),
    ("Copies.set_replication",    set_replication, [BAD, BAD, BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),

    // The carer, the other owner and the clinician are the helpers; the carer has started, and then
    // the clinician has agreed.
    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Recovery.set_plan",         set_plan,      [OK,   OWN,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Recovery.remove_plan",      remove_plan,   [OK,   OWN,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Recovery.complete",         complete,      [OK,   OWN,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Recovery.veto_ending",      veto_ending,   [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Recovery.start",            start,         [HLP,  HLP,  OK,   OK,   OK,   HLP,  HLP,  HLP,  HLP,  HLP,  BAD,  BAD]),
    ("Recovery.approve",          approve_recovery, [HLP, HLP, APP, OK,   OK,   HLP,  HLP,  HLP,  HLP,  HLP,  BAD,  BAD]),
    ("Recovery.withdraw",         withdraw_recovery, [BEH, BEH, OK, BEH,  BEH,  BEH,  BEH,  BEH,  BEH,  BEH,  BAD,  BAD]),
    ("Recovery.cancel",           cancel_recovery, [OK, OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Recovery.finish",           finish,        [BEH,  BEH,  OK,   BEH,  OK,   BEH,  BEH,  BEH,  BEH,  BEH,  BAD,  BAD]),
    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Emergency.set_plan",        set_emergency_plan, [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Emergency.end_glass",       end_glass,     [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Emergency.break_glass",     break_glass,   [EMG,  EMG,  EMG,  EMG,  OK,   EMG,  EMG,  EMG,  ROL,  EMG,  BAD,  BAD]),
    ("Emergency.break_glass",     break_without_plan, [EMG, EMG, EMG, EMG, OK,  EMG,  EMG,  EMG,  ROL,  EMG,  BAD,  BAD]),
    ("Emergency.reveal",          reveal,        [GLS,  GLS,  GLS,  GLS,  OK,   GLS,  GLS,  GLS,  GLS,  GLS,  BAD,  BAD]),
    ("Emergency.review",          review,        [REV,  REV,  REV,  REV,  REV,  REV,  OK,   REV,  REV,  REV,  BAD,  BAD]),
    ("Emergency.dispute",         dispute,       [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Emergency.readmit",         readmit_clinician, [BAD, BAD, BAD, BAD, BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Links.create",              create_link,   [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Links.end",                 end_link,      [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Links.fetched",             fetch_link,    [LNK,  LNK,  LNK,  LNK,  LNK,  LNK,  LNK,  LNK,  OK,   LNK,  BAD,  BAD]),
    //                                            owner guard carer other clini suspe admin oadmi servi stran root  none
    ("Credits.mint",              mint,          [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Credits.burn",              burn,          [BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  BAD,  OK,   BAD]),
    ("Credits.reclaim",           reclaim,       [PAY,  PAY,  PAY,  PAY,  OK,   PAY,  PAY,  PAY,  PAY,  PAY,  BAD,  BAD]),
    ("Research.announce",         announce_study, [STU, STU,  STU,  STU,  STU,  STU,  OK,   OK,   STU,  STU,  BAD,  BAD]),
    ("Research.opt_in",           opt_in,        [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Research.withdraw",         leave_study,   [OK,   OK,   CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  CTL,  BAD,  BAD]),
    ("Research.end",              end_study,     [STU,  STU,  STU,  STU,  STU,  STU,  OK,   STU,  STU,  STU,  BAD,  BAD]),
    ("Research.end",              end_late_study, [OK,  OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   OK,   BAD,  BAD]),
];

/// Calls that the filter closes to everybody but root, which no account has.
const CLOSED: &[&str] = &[
    "System.set_heap_pages",
    "System.set_code",
    "System.set_code_without_checks",
    "System.set_storage",
    "System.kill_storage",
    "System.kill_prefix",
    "System.remark_with_event",
    "System.authorize_upgrade",
    "System.authorize_upgrade_without_checks",
    "Grandpa.note_stalled",
    "Grandpa.report_equivocation",
    "Session.purge_keys",
    "Balances.transfer_allow_death",
    "Balances.force_transfer",
    "Balances.transfer_keep_alive",
    "Balances.transfer_all",
    "Balances.force_unreserve",
    "Balances.upgrade_accounts",
    "Balances.force_set_balance",
    "Balances.force_adjust_total_issuance",
    "Balances.burn",
    "MultiBlockMigrations.force_set_cursor",
    "MultiBlockMigrations.force_set_active_cursor",
    "MultiBlockMigrations.force_onboard_mbms",
    "MultiBlockMigrations.clear_historic",
    "Council.set_members",
    "Council.execute",
    "Council.propose",
    "Council.vote",
    "Council.close",
    "Council.disapprove_proposal",
    "Council.kill",
    "Council.release_proposal_cost",
];

#[test]
fn each_call_does_for_each_origin_what_the_table_says() {
    world::full().execute_with(|| {
        let mut wrong = Vec::new();
        for (name, make, expected) in TABLE {
            for (origin, expected) in COLUMNS.into_iter().zip(expected) {
                let (called, found) = attempt(origin, *make);
                assert_eq!(called, *name, "the row makes another call");
                if found != *expected {
                    wrong.push(format!("{name} by {origin:?}: {found}, not {expected}"));
                }
            }
        }
        assert!(
            wrong.is_empty(),
            "{} cells differ:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    });
}

#[test]
fn each_call_has_a_row_and_each_row_a_call() {
    let calls: BTreeSet<String> = RuntimeCall::get_module_names()
        .iter()
        .flat_map(|pallet| {
            let calls = RuntimeCall::get_call_names(pallet);
            calls.iter().map(move |call| format!("{pallet}.{call}"))
        })
        .collect();
    let rows: BTreeSet<String> = TABLE
        .iter()
        .map(|(name, _, _)| *name)
        .chain(CLOSED.iter().copied())
        .map(str::to_string)
        .collect();
    let without_row: Vec<_> = calls.difference(&rows).collect();
    let without_call: Vec<_> = rows.difference(&calls).collect();
    assert!(
        without_row.is_empty(),
        "calls without a row: {without_row:?}"
    );
    assert!(
        without_call.is_empty(),
        "rows without a call: {without_call:?}"
    );
}

#[test]
fn who_was_recovered_from_is_a_stranger() {
    let stranger = COLUMNS
        .into_iter()
        .position(|origin| origin == Origin::By(Who::Stranger))
        .expect("a column");
    /// The call as the owner would make it, after another account has taken the owner's place.
    fn too_late(make: Make) -> RuntimeCall {
        let call = make(Who::Owner);
        // Nobody of the world: some rows make the newcomer staff, who succeed nobody.
        let phone = salus_primitives::AccountId::new([77; 32]);
        assert_ok!(Patients::succeed(PATIENT, &phone, &phone));
        call
    }
    world::full().execute_with(|| {
        for (name, make, expected) in TABLE {
            let found = undone(Who::Owner.signed(), || too_late(*make)).1;
            // Plans, and what was under way, have ended with the roles.
            let expected = match (*name, expected[stranger]) {
                ("Patients.complete_hand_over", _) => "Patients.NothingPending",
                ("Recovery.start", _) => "Recovery.NoPlan",
                ("Recovery.approve" | "Recovery.withdraw" | "Recovery.finish", _) => {
                    "Recovery.NotFound"
                }
                (_, as_a_stranger) => as_a_stranger,
            };
            assert_eq!(found, expected, "{name}");
        }
    });
}

#[test]
fn closed_calls_are_closed_to_everybody() {
    world::full().execute_with(|| {
        for name in CLOSED {
            let call = any_call(name).unwrap_or_else(|| panic!("{name} decodes"));
            for origin in COLUMNS.into_iter().filter(|origin| *origin != Origin::Root) {
                let result = call.clone().dispatch(signed(origin));
                assert_eq!(
                    outcome(result.map_err(|error| error.error)),
                    "System.CallFiltered",
                    "{name}"
                );
            }
        }
    });
}

/// A random row's name, and its call as `who` would make it, with all that it needs; none where the
/// world does not allow that any more.
#[cfg(feature = "try-runtime")]
pub fn made(random: &mut rand::rngs::StdRng, who: Who) -> (&'static str, Option<RuntimeCall>) {
    use rand::Rng;
    let (name, make, _) = TABLE[random.gen_range(0..TABLE.len())];
    // What a row needs may be impossible here; caught inside the transaction, or it stayed open.
    let call = with_transaction(|| {
        let now = || {
            (
                pallet_timestamp::Now::<Runtime>::get(),
                System::block_number(),
            )
        };
        let before = now();
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(who)));
        std::panic::set_hook(told);
        match made {
            // Time passes for some rows, and for no chain does it go back.
            Ok(_) if now().0 < before.0 || now().1 < before.1 => {
                TransactionOutcome::Rollback(Ok(None))
            }
            Ok(call) => TransactionOutcome::Commit(Ok::<_, DispatchError>(Some(call))),
            Err(_) => TransactionOutcome::Rollback(Ok(None)),
        }
    });
    (name, call.expect("a transaction can begin"))
}

/// What a call that fails may cost the others beyond what it did: 1 ms of the block.
const MAX_COST_OF_A_REFUSAL: u64 = 1_000_000_000;

#[test]
fn a_refused_call_costs_the_others_little() {
    world::full().execute_with(|| {
        let mut dear = Vec::new();
        for (name, make, _) in TABLE {
            for origin in COLUMNS {
                // Neither root nor an unsigned call comes into a block.
                if matches!(origin, Origin::Root | Origin::None) {
                    continue;
                }
                if let Some(cost) = cost_of_refusal(origin, *make) {
                    if cost > MAX_COST_OF_A_REFUSAL {
                        dear.push(format!("{name} by {origin:?}: {} us", cost / 1_000_000));
                    }
                }
            }
        }
        assert!(
            dear.is_empty(),
            "refused, and not refunded:\n{}",
            dear.join("\n")
        );
    });
}

/// What a block is charged for a call that fails; none for one that succeeds, or that no signature
/// brings into a block.
fn cost_of_refusal(origin: Origin, make: Make) -> Option<u64> {
    use frame_support::{
        dispatch::{extract_actual_weight, GetDispatchInfo},
        traits::Contains,
    };
    let who = match origin {
        Origin::By(who) => who,
        Origin::Root | Origin::None => Who::Owner,
    };
    with_transaction(|| {
        let call = make(who);
        let at_the_door = salus_runtime::configs::NotBySignature::contains(&call)
            || salus_runtime::configs::NothingAuthorized::contains(&call);
        let info = call.get_dispatch_info();
        let result = call.dispatch(signed(origin));
        let cost = (result.is_err() && !at_the_door)
            .then(|| extract_actual_weight(&result, &info).ref_time());
        TransactionOutcome::Rollback(Ok::<_, DispatchError>(cost))
    })
    .expect("a transaction can begin")
}

/// Dispatches and undoes it; tells which call it was and what came of it.
fn attempt(origin: Origin, make: Make) -> (String, String) {
    let who = match origin {
        Origin::By(who) => who,
        Origin::Root | Origin::None => Who::Owner,
    };
    undone(signed(origin), || make(who))
}

fn undone(origin: RuntimeOrigin, make: impl FnOnce() -> RuntimeCall) -> (String, String) {
    with_transaction(|| {
        let call = make();
        let metadata = call.get_call_metadata();
        let name = format!("{}.{}", metadata.pallet_name, metadata.function_name);
        let before = System::events().len();
        let result = call.dispatch(origin);
        let refused = System::events().split_off(before).iter().any(|record| {
            matches!(
                record.event,
                RuntimeEvent::AccessLog(pallet_access_log::Event::Refused { .. })
            )
        });
        let found = match result {
            Ok(_) if refused => REF.to_string(),
            result => outcome(result.map_err(|error| error.error)),
        };
        TransactionOutcome::Rollback(Ok::<_, DispatchError>((name, found)))
    })
    .expect("a transaction can begin")
}

fn signed(origin: Origin) -> RuntimeOrigin {
    match origin {
        Origin::By(who) => who.signed(),
        Origin::Root => RuntimeOrigin::root(),
        Origin::None => RuntimeOrigin::none(),
    }
}

fn outcome<T>(result: Result<T, DispatchError>) -> String {
    match result {
        Ok(_) => OK.into(),
        Err(DispatchError::Module(error)) => {
            let pallet = AllPalletsWithSystem::infos()
                .into_iter()
                .find(|pallet| pallet.index == usize::from(error.index))
                .map_or("?", |pallet| pallet.name);
            format!("{pallet}.{}", error.message.unwrap_or("?"))
        }
        Err(DispatchError::BadOrigin) => BAD.into(),
        Err(error) => format!("{error:?}"),
    }
}

/// The call of this name with arguments of zeros.
fn any_call(name: &str) -> Option<RuntimeCall> {
    let (pallet, function) = name.split_once('.')?;
    let index = AllPalletsWithSystem::infos()
        .into_iter()
        .find(|info| info.name == pallet)
        .map(|info| info.index as u8)?;
    (0..=u8::MAX).find_map(|call_index| {
        let mut bytes = vec![index, call_index];
        bytes.extend([0; 300]);
        RuntimeCall::decode(&mut &bytes[..])
            .ok()
            .filter(|call| call.get_call_metadata().function_name == function)
    })
}

// System, time and governance.

fn remark(_: Who) -> RuntimeCall {
    frame_system::Call::remark { remark: vec![] }.into()
}

fn upgrade(_: Who) -> RuntimeCall {
    frame_system::Call::apply_authorized_upgrade { code: vec![] }.into()
}

fn set_now(_: Who) -> RuntimeCall {
    let now = NOW + 5 * DAY;
    pallet_aura::CurrentSlot::<Runtime>::put(sp_consensus_aura::Slot::from(now / 1_000));
    pallet_timestamp::Call::set { now }.into()
}

fn report(_: Who) -> RuntimeCall {
    any_call("Grandpa.report_equivocation_unsigned").expect("it decodes")
}

fn set_keys(who: Who) -> RuntimeCall {
    validator_keys(&format!("//Node//{who:?}"), &who.account())
}

/// With a proof that was made for somebody else.
fn set_others_keys(_: Who) -> RuntimeCall {
    validator_keys("//Node", &Who::Newcomer.account())
}

fn bar(_: Who) -> RuntimeCall {
    RuntimeCall::Validators(pallet_validators::Call::bar {
        organisation: HOSPITAL,
    })
}

fn readmit(who: Who) -> RuntimeCall {
    assert_ok!(bar(who).dispatch(RuntimeOrigin::root()));
    RuntimeCall::Validators(pallet_validators::Call::readmit {
        organisation: HOSPITAL,
    })
}

/// Without the hospital's validator, which the development preset begins with.
fn revive(_: Who) -> RuntimeCall {
    System::set_block_number(10);
    RuntimeCall::Validators(pallet_validators::Call::revive {
        gone: BoundedVec::new(),
        finalized: 1,
    })
}

fn announce(who: Who) -> RuntimeCall {
    RuntimeCall::Timelock(pallet_timelock::Call::announce {
        call: Box::new(authorize(who)),
    })
}

/// Announces something, whose time comes at once.
fn announced(who: Who) -> u32 {
    pallet_timelock::Delay::<Runtime>::put(1);
    assert_ok!(announce(who).dispatch(RuntimeOrigin::root()));
    set_time(NOW + 1);
    pallet_timelock::NextDecision::<Runtime>::get() - 1
}

fn enact(who: Who) -> RuntimeCall {
    let decision = announced(who);
    RuntimeCall::Timelock(pallet_timelock::Call::enact { decision })
}

fn cancel(who: Who) -> RuntimeCall {
    let decision = announced(who);
    RuntimeCall::Timelock(pallet_timelock::Call::cancel { decision })
}

fn propose(_: Who) -> RuntimeCall {
    pallet_motions::Call::propose {
        call: Box::new(bar(Who::Admin)),
    }
    .into()
}

fn put_motion() -> H256 {
    put_motion_of(Who::Admin)
}

/// Puts a motion before the council, and returns its hash.
fn put_motion_of(who: Who) -> H256 {
    assert_ok!(propose(who).dispatch(who.signed()));
    pallet_collective::Proposals::<Runtime, pallet_collective::Instance1>::get()[0]
}

fn vote(who: Who) -> RuntimeCall {
    // Whoever proposes has voted.
    let motion = put_motion_of(match who {
        Who::Admin => Who::OtherAdmin,
        _ => Who::Admin,
    });
    pallet_motions::Call::vote {
        motion,
        approve: true,
    }
    .into()
}

fn close(_: Who) -> RuntimeCall {
    let motion = put_motion();
    assert_ok!(Motions::vote(Who::OtherAdmin.signed(), motion, true));
    pallet_motions::Call::close { motion }.into()
}

fn withdraw_motion(_: Who) -> RuntimeCall {
    pallet_motions::Call::withdraw {
        motion: put_motion(),
    }
    .into()
}

fn authorize(_: Who) -> RuntimeCall {
    salus_runtime::upgrades::Call::authorize {
        code_hash: H256::repeat_byte(1),
    }
    .into()
}

// Members.

fn admit(_: Who) -> RuntimeCall {
    pallet_members::Call::admit {
        admin: Who::Newcomer.account(),
        kind: OrganisationKind::Clinic,
        name: BoundedVec::truncate_from(b"Clinic".to_vec()),
        vault_url: Default::default(),
    }
    .into()
}

fn suspend(_: Who) -> RuntimeCall {
    pallet_members::Call::suspend {
        organisation: HOSPITAL,
    }
    .into()
}

fn reinstate(_: Who) -> RuntimeCall {
    // A third one: the columns keep their standing.
    assert_ok!(admit(Who::Newcomer).dispatch(RuntimeOrigin::root()));
    assert_ok!(Members::suspend(RuntimeOrigin::root(), 2));
    pallet_members::Call::reinstate { organisation: 2 }.into()
}

fn set_allowance(_: Who) -> RuntimeCall {
    pallet_members::Call::set_allowance {
        spender: salus_primitives::Spender::Service,
        allowance: pallet_members::Allowance::SERVICE,
    }
    .into()
}

fn set_admin(_: Who) -> RuntimeCall {
    pallet_members::Call::set_admin {
        organisation: HOSPITAL,
        admin: Who::Newcomer.account(),
    }
    .into()
}

fn set_profile(_: Who) -> RuntimeCall {
    pallet_members::Call::set_profile {
        name: BoundedVec::truncate_from(b"Hospital".to_vec()),
        vault_url: BoundedVec::truncate_from(b"https://vault.example".to_vec()),
    }
    .into()
}

fn set_directory(_: Who) -> RuntimeCall {
    pallet_members::Call::set_directory {
        directory: Some(cid(70)),
    }
    .into()
}

fn publish(who: Who) -> RuntimeCall {
    let recipient = recipient(who, Subject::Account(who.account()), 0);
    pallet_members::Call::publish_recipient { recipient }.into()
}

fn publish_organisation(who: Who) -> RuntimeCall {
    let organisation = if who == Who::OtherAdmin {
        world::OTHER_HOSPITAL
    } else {
        HOSPITAL
    };
    let recipient = recipient(who, Subject::Organisation(organisation), 0);
    pallet_members::Call::publish_organisation_recipient { recipient }.into()
}

fn credential(who: Who) -> RuntimeCall {
    let organisation = match who {
        Who::OtherAdmin => world::OTHER_HOSPITAL,
        _ => HOSPITAL,
    };
    let role = ClinicianRole::Nurse;
    pallet_members::Call::credential {
        account: Who::Newcomer.account(),
        role,
        valid_until: NOW + 100 * DAY,
        consent: Some(world::credential_consent(organisation, Who::Newcomer, role)),
    }
    .into()
}

fn suspend_one(_: Who) -> RuntimeCall {
    pallet_members::Call::suspend_clinician {
        account: Who::Clinician.account(),
    }
    .into()
}

fn reinstate_one(_: Who) -> RuntimeCall {
    pallet_members::Call::reinstate_clinician {
        account: Who::Suspended.account(),
    }
    .into()
}

fn end_credential(_: Who) -> RuntimeCall {
    pallet_members::Call::end_credential {
        account: Who::Clinician.account(),
    }
    .into()
}

// Patients.

fn enrol(who: Who) -> RuntimeCall {
    world::enrol(who, Who::Newcomer).into()
}

fn add_controller(_: Who) -> RuntimeCall {
    pallet_patients::Call::add_controller {
        patient: PATIENT,
        account: Who::Newcomer.account(),
        role: ControllerRole::Carer,
        expires_at: None,
        consent: world::role_consent(PATIENT, Who::Newcomer, ControllerRole::Carer),
    }
    .into()
}

fn remove_controller(_: Who) -> RuntimeCall {
    assert_ok!(add_controller(Who::Owner).dispatch(Who::Owner.signed()));
    pallet_patients::Call::remove_controller {
        patient: PATIENT,
        account: Who::Newcomer.account(),
    }
    .into()
}

fn set_keyring(_: Who) -> RuntimeCall {
    pallet_patients::Call::set_keyring {
        patient: PATIENT,
        keyring: cid(1),
    }
    .into()
}

fn set_inbox(who: Who) -> RuntimeCall {
    let recipient = recipient(who, Subject::Inbox(PATIENT), 1);
    pallet_patients::Call::set_inbox {
        patient: PATIENT,
        recipient,
    }
    .into()
}

fn hand_over(_: Who) -> RuntimeCall {
    pallet_patients::Call::hand_over {
        patient: PATIENT,
        owner: Who::Newcomer.account(),
        consent: world::succession(PATIENT, Who::Newcomer),
    }
    .into()
}

/// The owner hands over while a plan is in force, and so has to wait.
fn put_hand_over() {
    put_plan();
    assert_ok!(hand_over(Who::Owner).dispatch(Who::Owner.signed()));
}

/// Of the columns, the owner has agreed; nobody else has, or takes over.
fn complete_hand_over(_: Who) -> RuntimeCall {
    put_hand_over();
    set_time(NOW + 2 * DAY);
    pallet_patients::Call::complete_hand_over { patient: PATIENT }.into()
}

fn veto_hand_over(_: Who) -> RuntimeCall {
    put_hand_over();
    pallet_patients::Call::veto_hand_over { patient: PATIENT }.into()
}

/// The owner makes the newcomer an owner, too, and announces to end that.
fn veto_removal(_: Who) -> RuntimeCall {
    let account = Who::Newcomer.account();
    assert_ok!(Patients::add_controller(
        Who::Owner.signed(),
        PATIENT,
        account.clone(),
        ControllerRole::Owner,
        None,
        world::role_consent(PATIENT, Who::Newcomer, ControllerRole::Owner),
    ));
    let owner = Who::Owner.signed();
    assert_ok!(Patients::remove_controller(owner, PATIENT, account.clone()));
    pallet_patients::Call::veto_removal {
        patient: PATIENT,
        account,
    }
    .into()
}

/// Nobody but the owner decides, who has not said yet that they are one.
fn declare_owner(_: Who) -> RuntimeCall {
    let guardian = Who::Guardian.account();
    assert_ok!(Patients::remove_controller(
        Who::Guardian.signed(),
        PATIENT,
        guardian
    ));
    let decider = Controller {
        role: ControllerRole::Decider,
        expires_at: None,
    };
    // Only owners end the role of owners.
    let _ = pallet_patients::Removals::<Runtime>::clear_prefix(PATIENT, u32::MAX, None);
    pallet_patients::Controllers::<Runtime>::insert(PATIENT, Who::Owner.account(), decider);
    pallet_patients::Call::declare_owner { patient: PATIENT }.into()
}

fn restore_keyring(_: Who) -> RuntimeCall {
    for keyring in [cid(1), cid(2)] {
        assert_ok!(Patients::set_keyring(Who::Owner.signed(), PATIENT, keyring));
    }
    pallet_patients::Call::restore_keyring {
        patient: PATIENT,
        keyring: cid(1),
    }
    .into()
}

fn void_enrolment(_: Who) -> RuntimeCall {
    pallet_patients::Call::void_enrolment { patient: PATIENT }.into()
}

// Recovery.

fn set_plan(_: Who) -> RuntimeCall {
    pallet_recovery::Call::set_plan {
        patient: PATIENT,
        helpers: world::helpers(PATIENT, [Who::Carer, Who::OtherOwner, Who::Clinician]),
        delay: DAY,
    }
    .into()
}

/// The owner names helpers.
fn put_plan() {
    assert_ok!(set_plan(Who::Owner).dispatch(Who::Owner.signed()));
}

fn remove_plan(_: Who) -> RuntimeCall {
    put_plan();
    pallet_recovery::Call::remove_plan { patient: PATIENT }.into()
}

/// The owner announces the end of the plan, and its day has passed.
fn complete(who: Who) -> RuntimeCall {
    assert_ok!(remove_plan(who).dispatch(Who::Owner.signed()));
    set_time(NOW + DAY);
    pallet_recovery::Call::complete { patient: PATIENT }.into()
}

fn veto_ending(who: Who) -> RuntimeCall {
    assert_ok!(remove_plan(who).dispatch(Who::Owner.signed()));
    pallet_recovery::Call::veto_ending { patient: PATIENT }.into()
}

fn start(who: Who) -> RuntimeCall {
    put_plan();
    pallet_recovery::Call::start {
        patient: PATIENT,
        owner: Who::Newcomer.account(),
        consent: world::succession(PATIENT, Who::Newcomer),
        salt: world::salt(who),
        threshold: 2,
    }
    .into()
}

fn approve_recovery(who: Who) -> RuntimeCall {
    assert_ok!(start(Who::Carer).dispatch(Who::Carer.signed()));
    pallet_recovery::Call::approve {
        patient: PATIENT,
        owner: Who::Newcomer.account(),
        salt: world::salt(who),
    }
    .into()
}

fn withdraw_recovery(_: Who) -> RuntimeCall {
    assert_ok!(start(Who::Carer).dispatch(Who::Carer.signed()));
    pallet_recovery::Call::withdraw {
        patient: PATIENT,
        owner: Who::Newcomer.account(),
    }
    .into()
}

fn cancel_recovery(_: Who) -> RuntimeCall {
    assert_ok!(start(Who::Carer).dispatch(Who::Carer.signed()));
    pallet_recovery::Call::cancel {
        patient: PATIENT,
        owner: Who::Newcomer.account(),
    }
    .into()
}

fn finish(_: Who) -> RuntimeCall {
    assert_ok!(approve_recovery(Who::Clinician).dispatch(Who::Clinician.signed()));
    set_time(NOW + DAY);
    pallet_recovery::Call::finish {
        patient: PATIENT,
        owner: Who::Newcomer.account(),
    }
    .into()
}

// Records.

fn rotate(who: Who) -> RuntimeCall {
    let recipient = recipient(who, Subject::Compartment(PATIENT, LABORATORY), 1);
    pallet_records::Call::rotate {
        patient: PATIENT,
        compartment: LABORATORY,
        recipient,
    }
    .into()
}

fn anchor_own(_: Who) -> RuntimeCall {
    pallet_records::Call::anchor {
        patient: PATIENT,
        grant: None,
        record: new_record(20),
    }
    .into()
}

fn anchor_granted(_: Who) -> RuntimeCall {
    let record = new_record(20);
    pallet_records::Call::anchor {
        patient: PATIENT,
        grant: Some(GRANT),
        record,
    }
    .into()
}

fn anchor_many(_: Who) -> RuntimeCall {
    let items = [20, 21].map(|n| (PATIENT, Some(GRANT), new_record(n)));
    pallet_records::Call::anchor_many {
        items: BoundedVec::truncate_from(items.to_vec()),
    }
    .into()
}

fn reclassify(_: Who) -> RuntimeCall {
    pallet_records::Call::reclassify {
        patient: PATIENT,
        record: RECORD,
        compartment: INTAKE,
        epoch: 0,
        content: cid(30),
    }
    .into()
}

fn relocate(_: Who) -> RuntimeCall {
    pallet_records::Call::relocate {
        patient: PATIENT,
        record: RECORD,
        epoch: 0,
        content: cid(30),
    }
    .into()
}

fn restore(_: Who) -> RuntimeCall {
    assert_ok!(relocate(Who::Owner).dispatch(Who::Owner.signed()));
    pallet_records::Call::restore {
        patient: PATIENT,
        record: RECORD,
        content: cid(RECORD as u8),
    }
    .into()
}

fn erase(_: Who) -> RuntimeCall {
    pallet_records::Call::erase {
        patient: PATIENT,
        record: RECORD,
    }
    .into()
}

fn cancel_erase(_: Who) -> RuntimeCall {
    assert_ok!(Records::erase(Who::Owner.signed(), PATIENT, RECORD));
    pallet_records::Call::cancel_erase {
        patient: PATIENT,
        record: RECORD,
    }
    .into()
}

fn finish_erase(_: Who) -> RuntimeCall {
    assert_ok!(Records::erase(Who::Owner.signed(), PATIENT, RECORD));
    set_time(NOW + 3 * DAY);
    pallet_records::Call::finish_erase {
        patient: PATIENT,
        record: RECORD,
    }
    .into()
}

fn confirm_erasures(_: Who) -> RuntimeCall {
    assert_ok!(Records::erase(Who::Owner.signed(), PATIENT, RECORD));
    set_time(NOW + 3 * DAY);
    pallet_copies::Call::confirm_erasures {
        erasures: BoundedVec::truncate_from(vec![(PATIENT, RECORD)]),
    }
    .into()
}

fn set_replication(_: Who) -> RuntimeCall {
    pallet_copies::Call::set_replication { copies: 2 }.into()
}

// Links.

fn create_link(_: Who) -> RuntimeCall {
    pallet_links::Call::create {
        patient: PATIENT,
        organisation: HOSPITAL,
        expires_at: NOW + DAY,
        fetches: 2,
    }
    .into()
}

fn end_link(_: Who) -> RuntimeCall {
    assert_ok!(create_link(Who::Owner).dispatch(Who::Owner.signed()));
    pallet_links::Call::end {
        patient: PATIENT,
        link: 0,
    }
    .into()
}

fn fetch_link(_: Who) -> RuntimeCall {
    assert_ok!(create_link(Who::Owner).dispatch(Who::Owner.signed()));
    pallet_links::Call::fetched {
        patient: PATIENT,
        link: 0,
    }
    .into()
}

// Credits and research.

fn mint(_: Who) -> RuntimeCall {
    pallet_credits::Call::mint {
        account: Who::Clinician.account(),
        amount: 10,
    }
    .into()
}

/// Gives somebody ten credits.
fn put_credits(who: Who) {
    let account = who.account();
    assert_ok!(Credits::mint(RuntimeOrigin::root(), account, 10));
}

fn burn(_: Who) -> RuntimeCall {
    put_credits(Who::Clinician);
    pallet_credits::Call::burn {
        account: Who::Clinician.account(),
        amount: 10,
    }
    .into()
}

/// The clinician asks, and offers something; it is request 0.
fn put_offer() {
    put_credits(Who::Clinician);
    let call = pallet_consent::Call::request {
        patient: PATIENT,
        purpose: Purpose::Treat,
        duration: DAY,
        letter: cid(40),
        offer: Some(10),
    };
    assert_ok!(RuntimeCall::from(call).dispatch(Who::Clinician.signed()));
}

/// What the clinician offered, and the owner did not answer.
fn reclaim(_: Who) -> RuntimeCall {
    put_offer();
    set_time(NOW + 31 * DAY);
    pallet_credits::Call::reclaim {
        patient: PATIENT,
        request: 0,
    }
    .into()
}

fn announce_study(who: Who) -> RuntimeCall {
    put_credits(who);
    pallet_research::Call::announce {
        terms: cid(60),
        price: 5,
        quota: 2,
        ends_at: NOW + 30 * DAY,
    }
    .into()
}

/// The first hospital announces; it is study 0.
fn opt_in(_: Who) -> RuntimeCall {
    assert_ok!(announce_study(Who::Admin).dispatch(Who::Admin.signed()));
    pallet_research::Call::opt_in {
        study: 0,
        patient: PATIENT,
        compartment: LABORATORY,
        record: RECORD,
        envelope: cid(61),
    }
    .into()
}

fn leave_study(_: Who) -> RuntimeCall {
    assert_ok!(opt_in(Who::Owner).dispatch(Who::Owner.signed()));
    pallet_research::Call::withdraw { patient: PATIENT }.into()
}

fn end_study(_: Who) -> RuntimeCall {
    assert_ok!(opt_in(Who::Owner).dispatch(Who::Owner.signed()));
    pallet_research::Call::end { study: 0 }.into()
}

fn end_late_study(who: Who) -> RuntimeCall {
    let call = end_study(who);
    set_time(NOW + 30 * DAY);
    call
}

// Consent.

fn request(_: Who) -> RuntimeCall {
    pallet_consent::Call::request {
        patient: PATIENT,
        purpose: Purpose::Treat,
        duration: DAY,
        letter: cid(40),
        offer: None,
    }
    .into()
}

/// The clinician asks; it is request 0.
fn put_request() {
    assert_ok!(request(Who::Clinician).dispatch(Who::Clinician.signed()));
}

fn withdraw(_: Who) -> RuntimeCall {
    put_request();
    pallet_consent::Call::withdraw_request {
        patient: PATIENT,
        request: 0,
    }
    .into()
}

fn decline(_: Who) -> RuntimeCall {
    put_request();
    refusal()
}

fn decline_paid(_: Who) -> RuntimeCall {
    put_offer();
    refusal()
}

fn refusal() -> RuntimeCall {
    pallet_consent::Call::decline {
        patient: PATIENT,
        request: 0,
    }
    .into()
}

fn approve(_: Who) -> RuntimeCall {
    put_request();
    approval()
}

fn approve_paid(_: Who) -> RuntimeCall {
    put_offer();
    approval()
}

/// What was asked for, no longer and to read: a carer may say yes to that.
fn approval() -> RuntimeCall {
    let mut terms = terms(Who::Clinician, Rights::Read);
    terms.expires_at = NOW + DAY;
    pallet_consent::Call::approve {
        patient: PATIENT,
        request: 0,
        terms,
        envelope: Some(cid(41)),
    }
    .into()
}

fn grant(_: Who) -> RuntimeCall {
    pallet_consent::Call::grant {
        patient: PATIENT,
        terms: terms(Who::Clinician, Rights::Read),
        envelope: None,
    }
    .into()
}

fn revoke(_: Who) -> RuntimeCall {
    pallet_consent::Call::revoke {
        patient: PATIENT,
        grant: GRANT,
    }
    .into()
}

fn deliver_envelope(_: Who) -> RuntimeCall {
    pallet_consent::Call::deliver_envelope {
        patient: PATIENT,
        grant: GRANT,
        envelope: cid(42),
    }
    .into()
}

fn sweep(_: Who) -> RuntimeCall {
    pallet_consent::Call::sweep { limit: 10 }.into()
}

// Access.

fn open(_: Who) -> RuntimeCall {
    pallet_access_log::Call::open {
        patient: PATIENT,
        records: BoundedVec::truncate_from(vec![RECORD]),
        part: Part::Full,
        grant: GRANT,
        person: None,
    }
    .into()
}

fn open_sealed(_: Who) -> RuntimeCall {
    pallet_access_log::Call::open {
        patient: PATIENT,
        records: BoundedVec::truncate_from(vec![RECORD]),
        part: Part::Full,
        grant: GRANT,
        person: Some(H256::repeat_byte(9)),
    }
    .into()
}

fn delivered(_: Who) -> RuntimeCall {
    assert_ok!(open(Who::Clinician).dispatch(Who::Clinician.signed()));
    let delivery = Delivery {
        patient: PATIENT,
        reader: Who::Clinician.account(),
        grant: GRANT,
        record: RECORD,
        part: Part::Full,
    };
    pallet_access_log::Call::delivered {
        batch: BoundedVec::truncate_from(vec![delivery]),
    }
    .into()
}

fn commit_reads(_: Who) -> RuntimeCall {
    let now = pallet_timestamp::Now::<Runtime>::get();
    pallet_access_log::Call::commit_reads {
        day: salus_primitives::reads::day_of(now) - 1,
        root: Default::default(),
    }
    .into()
}

// Corrections.

fn ask(_: Who) -> RuntimeCall {
    pallet_corrections::Call::ask {
        patient: PATIENT,
        record: RECORD,
        letter: cid(50),
    }
    .into()
}

/// The owner asks for a correction; it is correction 0.
fn put_question() {
    assert_ok!(ask(Who::Owner).dispatch(Who::Owner.signed()));
}

fn accept(_: Who) -> RuntimeCall {
    put_question();
    pallet_corrections::Call::accept {
        patient: PATIENT,
        correction: 0,
        replacement: LATER_RECORD,
    }
    .into()
}

fn partly_accept(_: Who) -> RuntimeCall {
    put_question();
    pallet_corrections::Call::partly_accept {
        patient: PATIENT,
        correction: 0,
        replacement: LATER_RECORD,
        letter: cid(51),
    }
    .into()
}

fn deny(_: Who) -> RuntimeCall {
    put_question();
    pallet_corrections::Call::deny {
        patient: PATIENT,
        correction: 0,
        letter: cid(51),
    }
    .into()
}

fn disagree(_: Who) -> RuntimeCall {
    assert_ok!(deny(Who::Clinician).dispatch(Who::Clinician.signed()));
    pallet_corrections::Call::disagree {
        patient: PATIENT,
        correction: 0,
        letter: cid(52),
    }
    .into()
}

fn rebut(_: Who) -> RuntimeCall {
    assert_ok!(disagree(Who::Owner).dispatch(Who::Owner.signed()));
    pallet_corrections::Call::rebut {
        patient: PATIENT,
        correction: 0,
        letter: cid(53),
    }
    .into()
}

fn extend(_: Who) -> RuntimeCall {
    put_question();
    pallet_corrections::Call::extend {
        patient: PATIENT,
        correction: 0,
    }
    .into()
}

fn make(_: Who) -> RuntimeCall {
    pallet_corrections::Call::make {
        patient: PATIENT,
        record: RECORD,
        replacement: LATER_RECORD,
    }
    .into()
}

fn name_successor(_: Who) -> RuntimeCall {
    pallet_corrections::Call::name_successor {
        organisation: HOSPITAL,
        successor: world::OTHER_HOSPITAL,
    }
    .into()
}

// Emergencies.

fn set_emergency_plan(_: Who) -> RuntimeCall {
    let holders = [HOSPITAL, world::OTHER_HOSPITAL].map(|organisation| ShareHolder {
        organisation,
        share: H256::repeat_byte(organisation as u8),
    });
    pallet_emergency::Call::set_plan {
        patient: PATIENT,
        commitment: plan_commitment(&PATIENT, &[7; 32], &[LABORATORY]),
        holders: BoundedVec::truncate_from(holders.to_vec()),
        threshold: 2,
        package: cid(60),
    }
    .into()
}

fn end_glass(_: Who) -> RuntimeCall {
    put_glass();
    pallet_emergency::Call::end_glass {
        patient: PATIENT,
        glass: 0,
    }
    .into()
}

fn reveal(_: Who) -> RuntimeCall {
    put_glass();
    pallet_emergency::Call::reveal {
        patient: PATIENT,
        glass: 0,
        compartments: BoundedVec::truncate_from(vec![LABORATORY]),
        salt: [7; 32],
    }
    .into()
}

fn break_without_plan(_: Who) -> RuntimeCall {
    pallet_emergency::Call::break_glass {
        patient: PATIENT,
        letter: cid(61),
    }
    .into()
}

fn break_glass(who: Who) -> RuntimeCall {
    assert_ok!(set_emergency_plan(Who::Owner).dispatch(Who::Owner.signed()));
    break_without_plan(who)
}

/// The clinician breaks the glass; it is glass 0.
fn put_glass() {
    assert_ok!(break_glass(Who::Clinician).dispatch(Who::Clinician.signed()));
}

fn review(_: Who) -> RuntimeCall {
    put_glass();
    pallet_emergency::Call::review {
        patient: PATIENT,
        glass: 0,
        justified: false,
    }
    .into()
}

fn dispute(_: Who) -> RuntimeCall {
    put_glass();
    pallet_emergency::Call::dispute {
        patient: PATIENT,
        glass: 0,
        letter: cid(62),
    }
    .into()
}

fn readmit_clinician(_: Who) -> RuntimeCall {
    put_glass();
    set_time(NOW + 3 * DAY);
    pallet_emergency::Call::readmit {
        clinician: Who::Clinician.account(),
    }
    .into()
}
