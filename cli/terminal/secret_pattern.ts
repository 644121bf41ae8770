/**
 * What looks like a secret in a text that a person may read: an agent's secret, an enrollment code, a reader's key, a
 * secret API key, a JWT or a part of one, the address of a Postgres. Each has a group for what tells its kind and may
 * be shown. Words such as "ocr_worker-1", which agents are named with, are no reader's keys: those are longer, and have
 * capital letters.
 *
 * This file stands in supabase/functions/_shared and in cli/terminal, byte for byte; a test compares them.
 */
export const secretPattern =
  /(oc[es]_)[\w-]{6,}|(ocr_)(?=[\w-]*[A-Z])[\w-]{20,}|(sb_secret_)[\w-]+|\b(eyJ)[\w-]+(?:\.[\w-]*)*|\b(postgres(?:ql)?:\/\/)[^\s"'\\]+/g;
