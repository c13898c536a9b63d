"""What the command line itself says, in the languages the library speaks."""

from __future__ import annotations

LANGUAGES = ("en", "id", "ja")

WORDS: dict[str, tuple[str, str]] = {
    # The key is the English; beside it stand the Indonesian and the Japanese.
    "action": ("tindakan", "操作"),
    "adjourned": ("penundaan pemungutan suara", "表決の延期"),
    "actor": ("pelaku", "行為者"),
    "agreement": ("perjanjian", "協定"),
    "anyone of the process": ("siapa pun dalam proses", "手続きの関係者全員"),
    "approvals": ("persetujuan", "承認"),
    "agreements": ("perjanjian", "協定"),
    "asks for": ("mensyaratkan", "要件"),
    "back to": ("kembali ke", "差し戻し先"),
    "basis": ("dasar", "根拠"),
    "can be mended by": ("dapat dipenuhi oleh", "対応できる者"),
    "digest": ("digest", "ダイジェスト"),
    "dead": ("gagal tetap", "配達不能"),
    "delivered": ("terkirim", "配達済み"),
    "documents": ("dokumen", "文書"),
    "ended": ("berakhir", "終了"),
    "entered only if": ("hanya dimasuki bila", "次の場合に限り入る"),
    "event": ("peristiwa", "出来事"),
    "failed": ("gagal sementara", "再試行待ち"),
    "faults": ("kesalahan", "不整合"),
    "facts": ("fakta", "事実"),
    "events": ("peristiwa", "出来事"),
    "further stages": ("tahap berikutnya", "この先の段階"),
    "gates to pass": ("gerbang yang harus dilalui", "通過すべき関門"),
    "guard": ("syarat", "条件"),
    "how many": ("jumlah", "件数"),
    "interpretation": ("penafsiran", "解釈"),
    "level": ("tingkat bukti", "証明の水準"),
    "law": ("hukum", "法令"),
    "law-secondary": ("hukum menurut sumber sekunder", "法令（二次資料による）"),
    "move": ("langkah", "手続き"),
    "n": ("no.", "番号"),
    "not permitted": ("tidak berwenang", "権限なし"),
    "nothing": ("tidak ada", "なし"),
    "nothing stands in the way": ("tidak ada yang menghalangi", "妨げるものはない"),
    "ok": ("utuh", "整合"),
    "on hold": ("ditunda", "保留中"),
    "open": ("terbuka", "可能"),
    "outcomes": ("hasil akhir", "結末"),
    "outcome": ("hasil akhir", "結末"),
    "owner": ("pemegang giliran", "担当"),
    "parameters": ("parameter", "パラメーター"),
    "parties": ("para pihak", "当事者"),
    "practice": ("praktik", "慣行"),
    "process": ("proses", "手続き"),
    "provenance": ("asal aturan", "根拠の種別"),
    "round": ("putaran", "回数"),
    "rule": ("aturan", "根拠規定"),
    "shut": ("tertutup", "不可"),
    "since": ("sejak", "開始"),
    "skipped": ("dilewati", "省略"),
    "stage": ("tahap", "段階"),
    "stages": ("tahap", "段階"),
    "target": ("tujuan", "行き先"),
    "title": ("judul", "名称"),
    "to advance": ("untuk maju", "次へ進むには"),
    "version": ("versi", "版"),
    "voided": ("dibatalkan", "無効化"),
    "warning": ("peringatan", "注意"),
    "warns only": ("hanya peringatan", "注意のみ"),
    "what": ("apa", "内容"),
    "when": ("waktu", "日時"),
    "who": ("siapa", "誰"),
    "who may": ("yang berwenang", "権限者"),
    "recorded as event {n}": ("dicatat sebagai peristiwa {n}", "出来事 {n} として記録"),
    "{agreement}: {move} is refused": ("{agreement}: {move} ditolak", "{agreement}: {move} は認められません"),
    "{agreement}: {actor} may not {move}; that is for {roles}": (
        "{agreement}: {actor} tidak berwenang atas {move}; yang berwenang: {roles}",
        "{agreement}: {actor} には {move} の権限がありません。権限者: {roles}",
    ),
    "besides, these reasons stand in the way:": (
        "selain itu, ini yang menghalangi:",
        "そのほか、次の理由が妨げています:",
    ),
}


def word(english: str, lang: str, **params: object) -> str:
    """Return one of `WORDS` in *lang*, with its places filled."""
    said = english if lang == "en" else WORDS[english][LANGUAGES.index(lang) - 1]
    return said.format(**params) if params else said
