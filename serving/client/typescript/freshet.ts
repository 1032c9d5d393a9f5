// Generated from the OpenAPI documents by `make docs`; do not edit.
// A client of the endpoint and of collect, for browsers and Node 20; it needs nothing but fetch.

export class RequestRefused extends Error {
  readonly status: number;
  readonly members: Record<string, unknown>;

  /** An answer other than a good one: a problem (RFC 9457) with its members. */
  constructor(status: number, members: Record<string, unknown>) {
    super(`${status}: ${String(members["detail"] ?? "no reason was given")}`);
    this.status = status;
    this.members = members;
  }
}

/** Events that are perhaps not in the log: send `events` again, they have their ids. */
export class NotConfirmed extends RequestRefused {
  readonly events: FreshetEvent[];

  constructor(status: number, members: Record<string, unknown>, events: FreshetEvent[]) {
    super(status, members);
    this.events = events;
  }
}

export interface ItemAnswer {
  item_id: string;
  title: string;
  content_id?: string;
  thumbnail_url?: string;
  item_type?: string;
  genres?: Array<string>;
  duration_s?: number;
  released_at?: string;
  year?: number;
  language?: string;
  maturity?: string;
  people?: Array<string>;
  attributes?: Record<string, unknown>;
}

export interface BegunItemAnswer {
  item_id: string;
  title: string;
  progress_pct: number;
  position_s: number;
  updated_at: string;
  content_id?: string;
  thumbnail_url?: string;
  item_type?: string;
  genres?: Array<string>;
  duration_s?: number;
  released_at?: string;
  year?: number;
  language?: string;
  maturity?: string;
  people?: Array<string>;
  attributes?: Record<string, unknown>;
}

export interface RowAnswer {
  id: "top_picks" | "continue_watching" | "because_you_watched" | "trending" | "new_releases" | "popular_in_genre" | "popular";
  title: string;
  items: Array<ItemAnswer | BegunItemAnswer>;
}

export interface RecommendationsAnswer {
  user_id: string;
  recommendation_id: string;
  model_version: string;
  variant: string;
  source: "personal" | "segment" | "popular";
  generated_at: string;
  expires_at: string;
  stale: boolean;
  as_of: Record<string, unknown> | null;
  recommendations: Array<ItemAnswer>;
  experiment_id?: string;
  next_page?: string | null;
}

export interface HomepageAnswer {
  user_id: string;
  recommendation_id: string;
  model_version: string;
  variant: string;
  source: "personal" | "segment" | "popular";
  generated_at: string;
  expires_at: string;
  stale: boolean;
  as_of: Record<string, unknown> | null;
  sections: Array<RowAnswer>;
  experiment_id?: string;
}

export interface BundleAnswer {
  user_id: string;
  recommendation_id: string;
  model_version: string;
  variant: string;
  source: "personal" | "segment" | "popular";
  generated_at: string;
  expires_at: string;
  stale: boolean;
  as_of: Record<string, unknown> | null;
  keep_until: string;
  sections: Array<RowAnswer>;
  experiment_id?: string;
}

export interface SimilarAnswer {
  item_id: string;
  similar_items: Array<ItemAnswer>;
  recommendation_id: string;
  source: "similar" | "popular";
  model_version: string;
  variant: string;
  experiment_id?: string;
}

export interface SimilarContentAnswer {
  item_id: string;
  content_id: string;
  similar_items: Array<ContentItemAnswer>;
  recommendation_id: string;
  source: "similar" | "popular";
  model_version: string;
  variant: string;
  experiment_id?: string;
}

export interface ContentItemAnswer {
}

export interface ItemFeaturesAnswer {
  item_id: string;
  model_version: string;
  updated_at: string | null;
  popularity?: number;
  trend_24h?: number;
  trend_7d?: number;
  events?: number;
  events_7d?: number;
  watches?: number;
  viewers?: number;
  average_completion_pct?: number | null;
  average_rating?: number | null;
}

export interface TrendingAnswer {
  region: string;
  window: string;
  category: string | null;
  recommendation_id: string;
  items: Array<ItemAnswer>;
  updated_at: string;
  stale: boolean;
  model_version: string;
  variant: string;
  experiment_id?: string;
}

export interface ContinueWatchingAnswer {
  user_id: string;
  recommendation_id: string;
  model_version: string;
  variant: string;
  items: Array<BegunItemAnswer>;
  experiment_id?: string;
}

export interface SearchAnswer {
  query: string;
  recommendation_id: string;
  model_version: string;
  variant: string;
  items: Array<ItemAnswer>;
  experiment_id?: string;
}

export interface SearchSuggestionsAnswer {
  query: string;
  suggestions: Array<SuggestionAnswer>;
}

export interface SuggestionAnswer {
  text: string;
  type: "query" | "person" | "genre" | "title";
  item_id?: string;
}

export interface SearchTrendingAnswer {
  region: string;
  window: string;
  searches: Array<Record<string, unknown>>;
}

export interface SearchRecentAnswer {
  user_id: string;
  searches: Array<Record<string, unknown>>;
}

export interface ProblemAnswer {
  type: string;
  title: string;
  status: number;
  detail: string;
  parameter?: string;
  value?: string;
  allowed?: string;
}

export interface FreshetEvent {
  event_type: "impression" | "click" | "view" | "play" | "watch_start" | "watch_progress" | "watch_end" | "like" | "dislike" | "skip" | "rating" | "purchase" | "add_to_list" | "hide" | "search";
  user_id: string;
  item_id?: string;
  timestamp?: number | string;
  event_id?: string;
  content_id?: string;
  watch_duration?: number;
  completion_pct?: number;
  completion_percentage?: number;
  progress_pct?: number;
  rating?: number;
  session_id?: string;
  device_type?: string;
  country?: string;
  language?: string;
  referrer?: string;
  query?: string;
  recommendation_id?: string;
  position?: number;
  experiment_id?: string;
  variant?: string;
  schema_version?: string;
  [more: string]: unknown;
}

const ATTEMPTS = 5;

export interface Options {
  /** Address of the endpoint, without a path. */
  endpoint: string;
  /** Address of collect. */
  collect?: string;
  token?: string;
  fetch?: typeof fetch;
}

export class Freshet {
  private readonly options: Options;
  private readonly fetch: typeof fetch;

  constructor(options: Options) {
    this.options = options;
    this.fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  private headers(more: Record<string, string> = {}): Record<string, string> {
    return this.options.token ? { ...more, authorization: `Bearer ${this.options.token}` } : more;
  }

  private async get<Answer>(path: string, parameters: Record<string, unknown>): Promise<Answer> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) {
        query.set(name, String(value));
      }
    }
    const asked = query.size > 0 ? `${path}?${query}` : path;
    const answer = await this.fetch(this.options.endpoint + asked, { headers: this.headers() });
    const body: unknown = await answer.json();
    if (!answer.ok) {
      throw new RequestRefused(answer.status, body as Record<string, unknown>);
    }
    return body as Answer;
  }

  private async send(path: string, events: readonly FreshetEvent[]): Promise<string[]> {
    if (this.options.collect === undefined) {
      throw new Error("the client was made without the address of collect");
    }
    const all = events.map((event) => ({ ...event, event_id: event.event_id ?? crypto.randomUUID() }));
    let waiting: FreshetEvent[] = all;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.fetch(this.options.collect + path, {
        method: "POST",
        headers: this.headers({ "content-type": "application/json" }),
        body: JSON.stringify(waiting),
        keepalive: true,
      });
      if (answer.ok) {
        return all.map((event) => String(event.event_id));
      }
      const members = (await answer.json()) as Record<string, unknown>;
      if (answer.status !== 503) {
        throw new RequestRefused(answer.status, members);
      }
      const places = Object.keys((members["unconfirmed"] ?? {}) as Record<string, string>).map(Number);
      if (places.length > 0) {
        waiting = waiting.filter((_, place) => places.includes(place));
      }
      if (attempt === ATTEMPTS) {
        throw new NotConfirmed(answer.status, members, waiting);
      }
      const wait_s = Number(answer.headers.get("retry-after") ?? 1) || 1;
      await new Promise((resolve) => setTimeout(resolve, Math.min(wait_s, 30) * 1000));
    }
  }

  /** Sends events; their ids once all are in the log. What is not confirmed is sent again under the same ids. */
  events(events: readonly FreshetEvent[]): Promise<string[]> {
    return this.send("/api/v1/events", events);
  }

  /** The same; events without a timestamp happen when they arrive. */
  track(events: readonly FreshetEvent[]): Promise<string[]> {
    return this.send("/api/v1/interactions/track", events);
  }

  /** Answers with a cut of the list, as bytes. */
  recommendations(given: { user_id: string; context?: "homepage" | "post_play" | "search" | "home"; limit?: number; offset?: number; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18"; device_type?: string; fields?: string; refresh?: "true" | "false"; item_type?: string; genre?: string; language?: string; max_duration_s?: string; released_after?: string; attribute?: string; captions?: string; audio_description?: string; mood?: string; boost?: string; exclude?: string; page?: string }): Promise<RecommendationsAnswer> {
    return this.get(`/api/v1/recommendations`, given);
  }

  /** Reads the user's own rows in one round trip and joins them with the shared ones held in the process. */
  homepage(given: { user_id: string; limit?: number; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18"; device_type?: string; fields?: string; refresh?: "true" | "false" }): Promise<HomepageAnswer> {
    const { user_id, ...parameters } = given;
    return this.get(`/api/v1/recommendations/homepage/${encodeURIComponent(user_id)}`, parameters);
  }

  /** Answers with the ready neighbours; an item without any gets what is popular, labelled in `source`. */
  similar(given: { item_id: string; limit?: number; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18"; user_id?: string; fields?: string; refresh?: "true" | "false" }): Promise<SimilarAnswer> {
    const { item_id, ...parameters } = given;
    return this.get(`/api/v1/items/${encodeURIComponent(item_id)}/similar`, parameters);
  }

  /** The same by the words of others, beside ours: content_id, similarity_score, similarity_type. */
  similarContent(given: { content_id: string; limit?: number; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18"; user_id?: string; fields?: string; refresh?: "true" | "false" }): Promise<SimilarContentAnswer> {
    const { content_id, ...parameters } = given;
    return this.get(`/api/v1/recommendations/similar/${encodeURIComponent(content_id)}`, parameters);
  }

  /** Answers with the item's card. */
  item(given: { item_id: string; fields?: string; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18"; user_id?: string }): Promise<ItemAnswer> {
    const { item_id, ...parameters } = given;
    return this.get(`/api/v1/items/${encodeURIComponent(item_id)}`, parameters);
  }

  /** Answers with the figures that workers keep of the item. */
  itemFeatures(given: { item_id: string; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18"; user_id?: string }): Promise<ItemFeaturesAnswer> {
    const { item_id, ...parameters } = given;
    return this.get(`/api/v1/items/${encodeURIComponent(item_id)}/features`, parameters);
  }

  /** Answers from the process's own copy, refreshed every second: no Redis on the way, unless a user is named. */
  trending(given: { region?: string; window?: "24h" | "7d"; category?: string; limit?: number; max_maturity?: "all" | "7" | "12" | "16" | "18"; user_id?: string; fields?: string; refresh?: "true" | "false" } = {}): Promise<TrendingAnswer> {
    return this.get(`/api/v1/trending`, given);
  }

  /** Answers with the ready list. */
  continueWatching(given: { user_id: string; limit?: number; max_maturity?: "all" | "7" | "12" | "16" | "18"; fields?: string }): Promise<ContinueWatchingAnswer> {
    const { user_id, ...parameters } = given;
    return this.get(`/api/v1/users/${encodeURIComponent(user_id)}/continue-watching`, parameters);
  }

  /** Answers with the rows of a homepage and their cards, to be kept for a day. */
  bundle(given: { user_id: string; limit?: number; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18"; device_type?: string; fields?: string }): Promise<BundleAnswer> {
    const { user_id, ...parameters } = given;
    return this.get(`/api/v1/users/${encodeURIComponent(user_id)}/bundle`, parameters);
  }

  /** Answers with the items that fit what was typed. */
  search(given: { q: string; user_id?: string; limit?: number; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18"; fields?: string }): Promise<SearchAnswer> {
    return this.get(`/api/v1/search`, given);
  }

  /** Answers with words that go on from what was typed: searches of many, titles, people, genres. */
  searchSuggestions(given: { q: string; user_id?: string; limit?: number; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18" }): Promise<SearchSuggestionsAnswer> {
    return this.get(`/api/v1/search/suggestions`, given);
  }

  /** Answers with what many search for now, where it leads to something that the reader may see. */
  searchTrending(given: { region?: string; window?: "24h" | "7d"; user_id?: string; limit?: number; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18" } = {}): Promise<SearchTrendingAnswer> {
    return this.get(`/api/v1/search/trending`, given);
  }

  /** Answers with what the user searched for last, where it still leads to something that they may see. */
  searchRecent(given: { user_id: string; limit?: number; country?: string; max_maturity?: "all" | "7" | "12" | "16" | "18" }): Promise<SearchRecentAnswer> {
    return this.get(`/api/v1/search/recent`, given);
  }
}
