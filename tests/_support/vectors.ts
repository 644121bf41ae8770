/** The contract's vectors: an agent's id, and the secrets of the bytes 00 to 1f with what the database keeps. */
export const agentId = "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
export const agentSecret = "ocs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_OS0B5A";
export const agentSecretDigest = "sha256:7d774b9fd90df2752ac4d1671dd09199cd72e8e80187e82740a4d6203b03e334";
export const enrollmentCode = "oce_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_TJTH1w";
export const readerKey = "ocr_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_GNiFIw";
