// Times as a guest reads them, in the guest's own zone. Days that are promised come in words, for they are the shop's.
import { currentLanguage } from "./words.js";

const form = (options) => new Intl.DateTimeFormat(currentLanguage() === "zh" ? "zh-CN" : "en-GB", options);

export const day = (text) => form({ weekday: "short", day: "numeric", month: "short" }).format(new Date(text));
export const hour = (text) => form({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(text));
export const second = (text) => form({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(text));

// Words of the platform come in every language that it speaks.
export const said = (words) => words?.[currentLanguage()] || words?.en || "";
