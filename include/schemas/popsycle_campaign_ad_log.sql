-- Popsycle campaign ad log: one row per impression, click or conversion, appended daily.
-- Clicks and conversions arrive later than impressions, and the vendor restates recent days.
-- Natural key: event_id; if it is missing, auction_id, event_type and event_ts.
-- A provisional layout, until the vendor's own layout is available.
-- A comment starts with the column's PII class: D direct identifier, Q quasi-identifier, H health, P political,
-- O other sensitive (race, religion, finances), N none.
CREATE TABLE popsycle.campaign_ad_log (
    event_id          STRING                   COMMENT '[N] Vendor id of the event',
    event_ts          TIMESTAMP      NOT NULL  COMMENT '[N] When the event happened',
    event_type        STRING         NOT NULL  COMMENT '[N] impression, click or conversion',
    auction_id        STRING                   COMMENT '[N] OpenRTB auction',
    imp_id            STRING                   COMMENT '[N] OpenRTB impression within the auction',
    advertiser_id     STRING         NOT NULL  COMMENT '[N] Advertiser',
    campaign_id       STRING         NOT NULL  COMMENT '[N] Campaign',
    campaign_name     STRING                   COMMENT '[N] Name of the campaign',
    line_item_id      STRING                   COMMENT '[N] Line item',
    creative_id       STRING                   COMMENT '[N] Creative',
    creative_size     STRING                   COMMENT '[N] Width x height, pixels',
    media_type        STRING                   COMMENT '[N] banner, video, native or audio',
    banner_pos        INT                      COMMENT '[N] OpenRTB position on the page',
    site_id           STRING                   COMMENT '[N] Site',
    site_domain       STRING                   COMMENT '[N] Domain of the site',
    site_category     STRING                   COMMENT '[N] IAB category of the site',
    app_id            STRING                   COMMENT '[N] App',
    app_domain        STRING                   COMMENT '[N] Domain of the app',
    publisher_id      STRING                   COMMENT '[N] Publisher',
    deal_id           STRING                   COMMENT '[N] Private deal',
    device_ifa        STRING                   COMMENT '[D] Advertising id of the device',
    device_type       INT                      COMMENT '[N] OpenRTB device type',
    device_model      STRING                   COMMENT '[Q] Model of the device',
    device_os         STRING                   COMMENT '[Q] Operating system',
    device_conn_type  INT                      COMMENT '[N] OpenRTB connection type',
    user_agent        STRING                   COMMENT '[Q] Browser user agent',
    ip_address        STRING                   COMMENT '[D] IP address',
    hashed_email      STRING                   COMMENT '[D] Hash of the e-mail address, hex',
    geo_country       STRING                   COMMENT '[N] ISO country code',
    geo_region        STRING                   COMMENT '[Q] State',
    geo_dma           STRING                   COMMENT '[N] Nielsen market code',
    geo_zip           STRING                   COMMENT '[Q] ZIP code, leading zeros kept',
    segment_id        STRING                   COMMENT '[Q] Targeting segment; can be H or P, depending on its meaning',
    bid_price_usd     DECIMAL(18,6)            COMMENT '[N] Bid price, USD per thousand impressions',
    media_cost_usd    DECIMAL(18,6)            COMMENT '[N] Media cost, USD',
    viewable          BOOLEAN                  COMMENT '[N] Whether the impression was viewable',
    video_quartile    INT                      COMMENT '[N] Quartile of the video reached, 0 to 4',
    click_url         STRING                   COMMENT '[Q] Landing page; query strings can contain e-mail addresses',
    conversion_id     STRING                   COMMENT '[N] Conversion',
    conversion_value  DECIMAL(18,2)            COMMENT '[N] Value of the conversion, USD',
    privacy_signal    STRING                   COMMENT '[N] Privacy string of the bid request',
    is_test           BOOLEAN                  COMMENT '[N] Test traffic'
)
PARTITIONED BY (delivery_period)
SORTED BY (campaign_id, event_ts)
COMMENT 'One row per advertising event'
