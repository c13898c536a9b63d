"""Who and what the demonstration is about: parties, people, sectors, papers."""

from __future__ import annotations

from typing import Any

from stagegate import Actor, Party

AGREEMENT = "bekasi-izumisano"
PROCESS = "id-ksdpl"
PART = "id-ksdpl-sector"
TITLE = "Bekasi – Izumisano"

PARTIES = (
    Party("bekasi", name="Pemerintah Kota Bekasi", kind="local_government", country="ID"),
    Party("izumisano", name="泉佐野市 (Izumisano City)", kind="foreign_local_government", country="JP"),
)

MAYOR = Actor(id="mayor-of-bekasi", roles={"head_of_region"})
TEAM = Actor(id="cooperation-team", roles={"cooperation_team"})
COUNCIL = Actor(id="council-secretary", roles={"council"}, on_behalf_of="council")
HOME = Actor(id="home-affairs-desk", roles={"home_affairs_minister"}, on_behalf_of="home_affairs_minister")
AGENCY = Actor(id="sector-agency", roles={"sector_agency"})
GOVERNOR = Actor(id="governor-of-west-java", roles={"governor"})
FOREIGN = Actor(id="foreign-affairs-desk", roles={"foreign_minister"}, on_behalf_of="foreign_minister")

Names = tuple[str, str, str]
"""In English, Indonesian and Japanese."""

SECTORS: dict[str, Names] = {
    "environment_and_waste": ("environment and waste", "lingkungan dan persampahan", "環境・廃棄物"),
    "employment": ("employment", "ketenagakerjaan", "雇用"),
    "education": ("education", "pendidikan", "教育"),
    "smart_city": ("smart city", "kota cerdas", "スマートシティ"),
    "transit_oriented_development": (
        "transit-oriented development",
        "pengembangan kawasan berorientasi transit",
        "公共交通指向型開発",
    ),
    "culture_and_tourism": ("culture and tourism", "budaya dan pariwisata", "文化・観光"),
    "trade_and_creative_economy": ("trade and creative economy", "perdagangan dan ekonomi kreatif", "貿易・創造経済"),
    "city_branding": ("city branding", "penjenamaan kota", "都市ブランディング"),
    "wastewater": ("wastewater", "air limbah", "下水・排水"),
}
"""The nine sectors named on 24 July 2025."""

OUT, LAPSED = "employment", "city_branding"
"""The sector that is carved out, and the one for which nobody speaks when the agreement is renewed."""

OBJECTS = {
    "employment": "technical_and_management_capacity",
    "education": "cultural_exchange",
    "smart_city": "science_and_technology",
    "culture_and_tourism": "cultural_exchange",
    "trade_and_creative_economy": "promotion_of_regional_potential",
    "city_branding": "promotion_of_regional_potential",
}
"""The class of objects that a sector falls under, where it is not `other`."""

CARVED_OUT = "permits for apprenticeships abroad are given by the centre (UU 23/2014, annex)"


def part_id(sector: str) -> str:
    """Return the id of the part that a sector is."""
    return f"{AGREEMENT}/{sector}"


def sector_of(part: str) -> str:
    """Return the sector that a part is; nothing, if it is none."""
    return part.partition("/")[2]


def looked_at(sector: str) -> dict[str, Any]:
    """Return what is found out about a sector before the plan is written."""
    found: dict[str, Any] = {
        "object_class": OBJECTS.get(sector, "other"),
        "competence": "central" if sector == OUT else "city",
        "grant_involved": False,
    }
    if found["object_class"] == "science_and_technology":
        found["technology_transfer"] = True
    return found


PAPERS: dict[str, str] = {
    "initiative_letter": "Surat prakarsa dari Kota Izumisano",
    "exploration_report": "Laporan penjajakan awal Bekasi – Izumisano",
    "consultation_home_affairs": "Hasil konsultasi dengan Kementerian Dalam Negeri",
    "consultation_foreign_affairs": "Hasil konsultasi dengan Kementerian Luar Negeri",
    "letter_of_intent": "Pernyataan kehendak kerja sama (LoI)",
    "cooperation_plan": "Rencana kerja sama",
    "council_request_letter": "Surat permohonan persetujuan DPRD",
    "council_decision": "Keputusan DPRD",
    "council_minutes": "Risalah rapat paripurna DPRD",
    "submission_letter": "Surat penyampaian rencana kepada Menteri",
    "ministerial_consideration": "Pertimbangan tertulis Menteri Dalam Negeri",
    "draft_agreement": "Rancangan naskah kerja sama",
    "interministerial_minutes": "Berita acara rapat antarkementerian",
    "minister_draft_approval": "Persetujuan Menteri atas rancangan naskah",
    "agreed_text": "Naskah yang disepakati",
    "confirmation_letter": "Surat konfirmasi",
    "signed_agreement": "Naskah kerja sama yang ditandatangani",
    "partner_authority": "Bukti kewenangan Kota Izumisano",
    "action_plan": "Rencana aksi",
    "activity": "Kegiatan pertama",
    "periodic_report": "Laporan pelaksanaan kepada Menteri",
    "renewal_request": "Permohonan perpanjangan kerja sama",
    "evaluation": "Evaluasi kerja sama",
    "renewal": "Naskah perpanjangan kerja sama",
    "renewal_confirmation": "Surat konfirmasi atas perpanjangan",
}
"""What the papers are called in the file, as an office in Bekasi would call them."""

REPORT = {
    "opportunities": "waste, wastewater, transit and six more fields",
    "regional_benefit": "know-how for the city's own services",
    "national_benefit": "a model for other cities",
    "complementarity": "Izumisano has the plants, Bekasi the need",
    "people_to_people": "young people of Bekasi work and learn in Japan",
}

PLAN = {
    "subject": "Cooperation of Bekasi and Izumisano",
    "background": "The meeting of 24 July 2025",
    "purpose_goals_targets": "Cleaner water, less waste, better transit by 2030",
    "object": "Affairs of the city",
    "scope": "Eight sectors",
    "funding_source": "Regional budget (APBD)",
    "duration": "3 years",
    "development_plan_reference": "RPJMD Kota Bekasi 2025-2029",
}

CLAUSES = {
    "parties": "Bekasi and Izumisano",
    "purpose": "as in the plan",
    "scope": "as in the plan",
    "funding": "each side its own",
    "duration": "3 years",
    "amendment": "in writing",
    "renewal": "for five years, if both sides wish it",
    "dispute_settlement": "negotiation and consultation",
    "termination": "six months' notice",
    "ownership": "what is built belongs to the city where it stands",
}


def content(kind: str, edition: int = 1) -> bytes:
    """Return the bytes of an imagined paper: fixed, so that its digest is the same wherever this is played."""
    return f"{PAPERS[kind]}\nEdition {edition}. Imagined for the demonstration of stagegate.\n".encode()
