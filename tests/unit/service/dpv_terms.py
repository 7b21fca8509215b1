"""Terms of the Data Privacy Vocabulary, and of the vocabularies that its profile uses.

Names only, looked up in release 2.3 of w3c/dpv (dpv.csv, pd.csv, legal-eu.csv, eu-gdpr.csv, loc.csv
and schema/dpv-27560.ttl), and in DCMI Metadata Terms, RDF, SKOS and schema.org. Not all that there
is: what a consent record may need.
"""

from __future__ import annotations

from typing import Final

_NAMES: Final = {
    "dct": """
        audience conformsTo created creator date description identifier isReplacedBy issued language
        modified publisher replaces source title valid
    """,
    "dpv": """
        Consent ConsentExpired ConsentGiven ConsentInvalidated ConsentNotice ConsentReceipt
        ConsentRecord ConsentRefused ConsentRevoked ConsentUnknown ConsentWithdrawn DataController
        DataControllerDataSource DataSubject DataSubjectDataSource DataSubjectRight DirectMarketing
        EndlessDuration ExplicitlyExpressedConsent ExpressedConsent Marketing Organisation
        Personalisation PersonalisedAdvertising PersonalData Process Purpose RenewedConsentGiven
        StorageDuration TemporalDuration ThirdParty ThirdPartyDataSource UntilEventDuration
        UntilTimeDuration WithdrawConsent
        hasApplicableLaw hasConsentControl hasConsentStatus hasContact hasDataController
        hasDataSource hasDataSubject hasDuration hasIdentifier hasIndicationMethod hasJurisdiction
        hasLegalBasis hasName hasNotice hasPersonalData hasProcess hasPurpose hasRecordOfActivity
        hasRight hasScope hasStorageCondition hasThirdParty isExercisedAt isIndicatedAtTime
        isIndicatedBy
    """,
    "dpv-27560": "receipt receipt-eu-gdpr record record-eu-gdpr",
    "eu-gdpr": "A13 A14 A15 A16 A17 A18 A20 A21 A6-1-a A7-3 A77 A9-2-a",
    "legal-eu": "law-GDPR",
    "loc": "ES EU FI FR IE IT NO PT SE",
    "pd": "EmailAddress IPAddress Name PhysicalAddress TelephoneNumber UID Username",
    "rdf": "value",
    "schema": "sha256",
    "skos": "broader",
    "xsd": "date dateTime",
}

TERMS: Final = frozenset(
    f"{prefix}:{name}" for prefix, names in _NAMES.items() for name in names.split()
)
