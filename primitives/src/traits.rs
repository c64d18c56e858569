//! How the pallets ask each other. The runtime joins them; no pallet names another.

use alloc::vec::Vec;
use sp_runtime::{DispatchError, DispatchResult, MultiSignature};
use sp_weights::Weight;

use crate::{
    Balance, Basis, Cid, CompartmentId, CompartmentSet, ControllerRole, Genesis, GrantIndex,
    GrantTerms, Grantee, Member, Moment, OrgId, PatientId, Record, RecordIndex, RequestIndex,
};

/// The present moment and the chain's name, as every signed payload needs them.
pub trait Chain {
    fn now() -> Moment;
    fn genesis() -> Genesis;
}

/// Who is in good standing *now*. Implemented by `pallet-members`.
pub trait Standing<AccountId> {
    /// The account's standing: none for strangers, the suspended, the expired, and anyone whose
    /// organisation is suspended.
    fn member(account: &AccountId) -> Option<Member>;
    fn organisation_is_active(organisation: OrgId) -> bool;
    /// The organisation whose admin the account is, suspended or not.
    fn administers(account: &AccountId) -> Option<OrgId>;
    /// Whether the chain shows whose staff the account is: an admin, or with a credential, in force
    /// or not. Such an account acts for no patient.
    fn is_staff(account: &AccountId) -> bool;

    /// Whether a grant to this grantee can be used at all.
    fn grantee_is_active(grantee: &Grantee) -> bool;
}

/// Which accounts may transact although no organisation credentialed them: controllers.
pub trait Sponsorship<AccountId> {
    /// The patient whose allowance this account spends, and the organisation that enrolled it.
    fn sponsor(account: &AccountId) -> Option<(PatientId, OrgId)>;
    /// Whether the account has a role for a patient, in force or not. Such an account is no staff.
    fn acts_for_patients(account: &AccountId) -> bool;
    /// When the patient was enrolled; 0 if it was not.
    fn enrolled_at(patient: &PatientId) -> Moment;
}

/// Which accounts may send a certain call although they are neither member nor controller: whoever
/// shows by the call itself that a patient named them as helper.
pub trait Invitations<AccountId, Call> {
    /// The patient whose allowance the call spends, and the organisation that enrolled it.
    fn invited_by(account: &AccountId, call: &Call) -> Option<(PatientId, OrgId)>;
    /// The most that it costs to find that out.
    fn weight(call: &Call) -> Weight;
}

/// Who acts, and for which patient. Only [`Control`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientOrigin<AccountId> {
    pub patient: PatientId,
    pub actor: AccountId,
    pub role: ControllerRole,
    /// When the role ends; `None` if it does not.
    pub until: Option<Moment>,
}

/// Authority over a patient. Implemented by `pallet-patients`.
pub trait Control<AccountId> {
    fn is_enrolled(patient: &PatientId) -> bool;
    /// Since when the present deciders decide: enrolment, or the last succession. What waits for an
    /// answer from before asked somebody else.
    fn decided_since(patient: &PatientId) -> Moment;
    /// The organisation that enrolled the patient, and when.
    fn enrolment(patient: &PatientId) -> Option<(OrgId, Moment)>;
    /// The organisation that enrolled the patient by mistake and said so: nobody controls it.
    fn voided_by(patient: &PatientId) -> Option<OrgId>;
    /// The live role of an account; expired ones do not count.
    fn role(patient: &PatientId, account: &AccountId) -> Option<ControllerRole>;

    /// The signer's authority to decide for the patient: owners and deciders.
    /// Errors: unknown patient, or not one of its controllers with that power.
    fn ensure_decides(
        patient: PatientId,
        who: AccountId,
    ) -> Result<PatientOrigin<AccountId>, DispatchError>;

    /// The signer's authority to answer requests: carers too.
    fn ensure_answers(
        patient: PatientId,
        who: AccountId,
    ) -> Result<PatientOrigin<AccountId>, DispatchError>;
}

/// What enrolment needs of the record store: the compartments that everybody has. Implemented by
/// `pallet-records`.
pub trait OpenCompartments<AccountId> {
    /// Opens the compartments of a patient who has none, under keys that `signer` signed. The caller's
    /// own event says so.
    fn open(patient: PatientId, signer: &AccountId, set: CompartmentSet) -> DispatchResult;
}

/// What others may know and do about records. Implemented by `pallet-records`.
pub trait Records<AccountId> {
    fn record(patient: &PatientId, index: RecordIndex) -> Option<Record>;
    /// Whether all of these are compartments of the patient: one read, however many.
    fn compartments_exist(patient: &PatientId, compartments: &[CompartmentId]) -> bool;

    /// Links a correction both ways. Errors if either is missing, erased or already linked.
    fn link_correction(
        patient: &PatientId,
        original: RecordIndex,
        replacement: RecordIndex,
    ) -> DispatchResult;
}

/// The one predicate over grants, as the other pallets ask it. Implemented by `pallet-consent`.
pub trait Consent<AccountId> {
    /// The organisation for which `who` may write under this grant, now: into every compartment.
    fn may_write(patient: &PatientId, grant: GrantIndex, who: &AccountId) -> Option<OrgId>;

    /// Whether `who` may read all of these records under this grant, at `at`. It is for the purpose that
    /// the grant names.
    fn may_read(
        patient: &PatientId,
        grant: GrantIndex,
        who: &AccountId,
        records: &[RecordIndex],
        at: Moment,
    ) -> bool;

    /// Whether a grant in force at some moment since `since` let `reader` read this record.
    fn could_read_since(
        patient: &PatientId,
        grant: GrantIndex,
        reader: &AccountId,
        record: RecordIndex,
        since: Moment,
    ) -> bool;

    /// The organisation that a grant was given to, or to a clinician of which.
    fn organisation_of(patient: &PatientId, grant: GrantIndex) -> Option<OrgId>;
}

/// Who takes a patient over when every key of its owners is lost. Implemented by `pallet-patients`.
pub trait Succession<AccountId> {
    /// Whether the patient has a live owner, who alone decides who comes after.
    fn has_owner(patient: &PatientId) -> bool;
    /// Whether the account is an owner whose role does not end: it may take anybody's role away.
    fn owns_for_good(patient: &PatientId, account: &AccountId) -> bool;
    /// Whether an owner whose role does not end, other than `account`, decides too.
    fn has_other_owner_for_good(patient: &PatientId, account: &AccountId) -> bool;
    /// Refuses an account that can own no patient, because it is some organisation's staff.
    fn ensure_may_own(account: &AccountId) -> DispatchResult;
    /// Makes `owner` the patient's only controller: all others lose their roles, and all that
    /// [`OnSuccession`] knows ends. Deposits an event for each; the caller's own event says why.
    fn succeed(patient: PatientId, actor: &AccountId, owner: &AccountId) -> DispatchResult;
    /// The most that `succeed` costs.
    fn weight() -> Weight;
}

/// What ends when those who decide for a patient change: everything that former deciders laid down
/// and that acts without asking the present ones. A pallet that keeps such a thing implements this;
/// the runtime joins all of them in one tuple, and `pallet-patients` calls it from the one place
/// where deciders change.
pub trait OnSuccession<AccountId> {
    /// Ends it, with an event for each thing that ends. `actor` is whose call changed the deciders.
    fn on_succession(patient: PatientId, actor: &AccountId);
    /// The most that costs.
    fn weight() -> Weight;
}

#[impl_trait_for_tuples::impl_for_tuples(8)]
impl<AccountId> OnSuccession<AccountId> for Tuple {
    fn on_succession(patient: PatientId, actor: &AccountId) {
        for_tuples!( #( Tuple::on_succession(patient, actor); )* );
    }

    fn weight() -> Weight {
        let mut total = Weight::zero();
        for_tuples!( #( total = total.saturating_add(Tuple::weight()); )* );
        total
    }
}

/// What a recovery plan asks of others. Implemented by `pallet-recovery`.
pub trait RecoveryPlans {
    /// Milliseconds that whoever ends the plan must wait, so that helpers are not outrun; none
    /// without a plan.
    fn notice(patient: &PatientId) -> Option<Moment>;
    /// When something irrevocable that is due at `due` may happen at the earliest: later while a
    /// recovery is under way that began before, and for a while after it has succeeded.
    fn not_before(patient: &PatientId, due: Moment) -> Moment;
}

/// How much those who do not decide for a patient may write into its trail. Implemented by
/// `pallet-access-log`.
pub trait TrailAllowance {
    /// Takes `entries` of what all accounts of an organisation together may write into this
    /// patient's trail within an hour. Fails when too few are left; the caller has written nothing.
    fn spend(patient: &PatientId, organisation: OrgId, entries: u32) -> DispatchResult;
}

/// Whose vaults keep a patient's files.
pub trait Keepers {
    fn keeps(patient: &PatientId, organisation: OrgId) -> bool;
}

/// Grants for reasons other than a patient's answer. The caller has checked that it may.
/// Implemented by `pallet-consent`, which checks the terms.
pub trait Granting<AccountId> {
    fn grant(
        patient: PatientId,
        actor: AccountId,
        terms: GrantTerms,
        envelope: Option<Cid>,
        basis: Basis,
    ) -> Result<GrantIndex, DispatchError>;
    /// Ends a grant; nothing if it has ended already.
    fn end(patient: PatientId, actor: AccountId, grant: GrantIndex) -> DispatchResult;
}

/// What somebody offers for an answer. Implemented by `pallet-credits`.
pub trait Offers<AccountId> {
    /// Sets the amount aside until the request is answered, or has lapsed at `until`.
    fn offer(
        patient: PatientId,
        request: RequestIndex,
        from: &AccountId,
        amount: Balance,
        until: Moment,
    ) -> DispatchResult;
    /// Whether something is set aside for a yes.
    fn is_offered(patient: &PatientId, request: RequestIndex) -> bool;
    /// Pays what was offered, if anything was.
    fn pay(patient: PatientId, request: RequestIndex, to: &AccountId) -> DispatchResult;
    /// Gives back what was offered, if anything was.
    fn give_back(patient: PatientId, request: RequestIndex);
}

/// What accounts owe because it was taken from them while it was promised to somebody. Implemented by
/// `pallet-credits`.
pub trait Debts<AccountId> {
    /// Takes what the account owes out of what it has free. Whoever lets an account have credits calls
    /// it afterwards.
    fn settle(account: &AccountId);
}

/// The only way into a patient's trail. Implemented by `pallet-access-log`.
pub trait Trail<RuntimeEvent> {
    /// Hashes the event into the trail of `patient` *and* deposits it.
    /// The event must have exactly one field named `patient`, with this value.
    fn deposit(patient: &PatientId, event: RuntimeEvent);
}

/// Puts the neighbours into the state a benchmark needs. The runtime implements it, for
/// benchmarks only; everything it makes exists, is in good standing and stays so.
pub trait BenchmarkWorld<AccountId> {
    /// A clinician (not a service) and its organisation. The same on every call.
    fn clinician() -> (AccountId, OrgId);
    /// A `Service` account of the same organisation.
    fn service() -> AccountId;
    /// A new patient, and an owner of it.
    fn patient() -> (PatientId, AccountId);
    /// The patient's compartments, in ascending order: 32.
    fn compartments(patient: PatientId) -> Vec<CompartmentId>;
    /// Anchors so many records, spread over the compartments, written by the clinician.
    fn records(patient: PatientId, compartments: &[CompartmentId], count: u32) -> Vec<RecordIndex>;
    /// Gives the clinician a live grant to read and write, for `Purpose::Treat`.
    fn grant(patient: PatientId, compartments: &[CompartmentId]) -> GrantIndex;
}

/// What benchmarks about days that are over need beside a [`BenchmarkWorld`].
pub trait BenchmarkDays<AccountId>: BenchmarkWorld<AccountId> {
    /// Lets so much time pass, in milliseconds.
    fn pass(time: Moment);
}

/// What benchmarks about erasure need beside a [`BenchmarkWorld`].
pub trait BenchmarkErasures<AccountId>: BenchmarkWorld<AccountId> {
    /// A record that was erased, of a new patient where there can be several.
    fn erased() -> (PatientId, RecordIndex);
}

/// What benchmarks about organisations and pay need beside a [`BenchmarkWorld`].
pub trait BenchmarkAdmin<AccountId> {
    /// The admin of the clinician's organisation. It has credits, where there are any.
    fn admin() -> AccountId;
}

/// What benchmarks about a change of hands need beside a [`BenchmarkWorld`].
pub trait BenchmarkCrowd {
    /// Gives the patient as many controllers as it can have.
    fn crowd(patient: PatientId);
}

/// What benchmarks about emergencies need beside a [`BenchmarkWorld`].
pub trait BenchmarkEmergencies<AccountId>:
    BenchmarkWorld<AccountId> + BenchmarkAdmin<AccountId>
{
    /// So many organisations.
    fn organisations(count: u32) -> Vec<OrgId>;
}

/// Signatures of the patients' owners that a [`BenchmarkWorld`] makes.
pub trait BenchmarkKeys<AccountId> {
    fn sign(owner: &AccountId, payload: &[u8]) -> MultiSignature;
}
