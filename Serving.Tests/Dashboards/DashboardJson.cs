using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Tests.Dashboards;

/// <summary>Makes a dashboard's JSON from its source. Invariant: the same source gives the same bytes, so that a test can compare
/// them.</summary>
internal static class DashboardJson
{
    /// <summary>The version of the form, that of the current Grafana; older ones read it too.</summary>
    public const int SchemaVersion = 42;

    /// <summary>The tag of all our dashboards.</summary>
    public const string Tag = "serving";

    private const int Columns = 24;

    /// <summary>What every Revision has that is scaled by us, or requested through the gateway, or whose sidecars are scraped.</summary>
    private const string Known =
        "{__name__=~\"kn_revision_pods_requested|kn_gateway_request_duration_seconds_count|up\",job=~\"serving|serving-revisions\"";

    /// <summary>What Grafana shows in a cell of a table without a value.</summary>
    public const string Nothing = "–";

    /// <summary>The shortest interval of bars and points that count events: it contains a scrape, whatever the scrape interval.</summary>
    private const string EventInterval = "2m";

    /// <summary>Variables that every dashboard has, hidden where it does not use them: links keep them.</summary>
    private static readonly string[] Kept = ["namespace", "service", "revision"];

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The label that each variable lists, with the title and the series that have it.</summary>
    private static readonly Dictionary<string, (string Title, string Series, string Label)> Variables = new()
    {
        ["namespace"] = ("Namespace", Known + "}", "k8s_namespace_name"),
        ["service"] = ("Service", Known + ",k8s_namespace_name=~\"$namespace\"}", "kn_service_name"),
        ["revision"] = ("Revision", Known + ",k8s_namespace_name=~\"$namespace\",kn_service_name=~\"$service\"}", "kn_revision_name"),
        ["instance"] = ("Process", "up{job=\"serving\"}", "instance"),
    };

    private static readonly Dictionary<string, string> ColumnTitles = new()
    {
        ["k8s_namespace_name"] = "Namespace",
        ["kn_service_name"] = "Service",
        ["kn_revision_name"] = "Revision",
        ["instance"] = "Process",
        ["version"] = "Version",
        ["lease"] = "Lease",
    };

    private static JsonObject Source => new() { ["type"] = "prometheus", ["uid"] = "${datasource}" };

    /// <summary>The file of a dashboard that stands among others, to which it links.</summary>
    public static string Write(DashboardSource dashboard, IEnumerable<DashboardSource> all) =>
        new JsonObject
        {
            ["uid"] = dashboard.Uid,
            ["title"] = dashboard.Title,
            ["description"] = dashboard.Description,
            ["tags"] = new JsonArray(Tag),
            ["schemaVersion"] = SchemaVersion,
            ["version"] = 1,
            ["editable"] = true,
            ["graphTooltip"] = 1,
            ["timezone"] = "browser",
            ["refresh"] = "30s",
            ["time"] = new JsonObject { ["from"] = "now-1h", ["to"] = "now" },
            ["annotations"] = new JsonObject { ["list"] = new JsonArray() },
            ["links"] = new JsonArray([.. all.Where(other => other.Uid != dashboard.Uid).Select(Link)]),
            ["templating"] = new JsonObject { ["list"] = new JsonArray([DataSource(), .. VariablesOf(dashboard)]) },
            ["panels"] = Panels(dashboard),
        }.ToJsonString(Indented) + "\n";

    private static JsonObject Link(DashboardSource other) =>
        new()
        {
            ["type"] = "link",
            ["title"] = other.Title.Split(" / ")[^1],
            ["tooltip"] = other.Description,
            ["url"] = $"/d/{other.Uid}",
            ["icon"] = "dashboard",
            ["includeVars"] = true,
            ["keepTime"] = true,
            ["targetBlank"] = false,
        };

    private static JsonObject DataSource() =>
        new()
        {
            ["name"] = "datasource",
            ["label"] = "Prometheus",
            ["type"] = "datasource",
            ["query"] = "prometheus",
            ["refresh"] = 1,
            ["hide"] = 0,
        };

    private static IEnumerable<JsonObject> VariablesOf(DashboardSource dashboard) =>
        dashboard
            .Variables.Select(static name => Variable(name, isHidden: false))
            .Concat(Kept.Except(dashboard.Variables).Select(static name => Variable(name, isHidden: true)));

    private static JsonObject Variable(string name, bool isHidden)
    {
        var (title, series, label) = Variables[name];
        return new JsonObject
        {
            ["name"] = name,
            ["label"] = title,
            ["type"] = "query",
            ["datasource"] = Source,
            ["query"] = new JsonObject { ["query"] = $"label_values({series}, {label})", ["refId"] = name },
            ["definition"] = $"label_values({series}, {label})",
            ["includeAll"] = true,
            ["allValue"] = ".*",
            ["multi"] = true,
            ["current"] = new JsonObject { ["text"] = "All", ["value"] = "$__all" },
            ["refresh"] = 2,
            ["sort"] = 1,
            ["hide"] = isHidden ? 2 : 0,
        };
    }

    private static JsonArray Panels(DashboardSource dashboard)
    {
        var panels = new JsonArray();
        var (id, y) = (0, 0);
        foreach (var section in dashboard.Sections)
        {
            panels.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["id"] = ++id,
                        ["type"] = "row",
                        ["title"] = section.Title,
                        ["collapsed"] = false,
                        ["gridPos"] = Grid(0, y++, Columns, 1),
                        ["panels"] = new JsonArray(),
                    }
            );
            var (x, line) = (0, 0);
            foreach (var panel in section.Panels)
            {
                if (x + panel.Width > Columns)
                {
                    (x, y, line) = (0, y + line, 0);
                }

                var height = panel.Height ?? (panel.Type == "stat" ? 4 : 8);
                panels.Add((JsonNode)Panel(panel, ++id, Grid(x, y, panel.Width, height)));
                (x, line) = (x + panel.Width, Math.Max(line, height));
            }

            y += line;
        }

        return panels;
    }

    private static JsonObject Panel(PanelSource panel, int id, JsonObject grid)
    {
        var json = new JsonObject
        {
            ["id"] = id,
            ["type"] = panel.Type,
            ["title"] = panel.Title,
            ["description"] = panel.Description,
            ["datasource"] = Source,
            ["gridPos"] = grid,
            ["fieldConfig"] = new JsonObject { ["defaults"] = Defaults(panel), ["overrides"] = Overrides(panel) },
            ["options"] = Options(panel),
            ["targets"] = Targets(panel),
        };
        if (panel.Type == "table")
        {
            json["transformations"] = Transformations(panel);
        }

        if (panel.Queries.Any(static query => query.Expression.Contains("$__interval", StringComparison.Ordinal)))
        {
            json["interval"] = EventInterval;
        }

        return json;
    }

    private static JsonObject Grid(int x, int y, int width, int height) =>
        new()
        {
            ["x"] = x,
            ["y"] = y,
            ["w"] = width,
            ["h"] = height,
        };

    private static JsonObject Defaults(PanelSource panel)
    {
        var defaults = new JsonObject
        {
            ["unit"] = panel.Unit,
            ["noValue"] = panel.Empty,
            ["color"] = new JsonObject { ["mode"] = panel.Type is "timeseries" or "heatmap" ? "palette-classic" : "thresholds" },
            ["thresholds"] = new JsonObject
            {
                ["mode"] = "absolute",
                ["steps"] = new JsonArray([
                    .. panel.Thresholds.Select(static step => new JsonObject { ["color"] = step.Color, ["value"] = step.From }),
                ]),
            },
            ["custom"] = Custom(panel),
        };
        if (panel.Max is { } max)
        {
            (defaults["min"], defaults["max"]) = (0, max);
        }

        return defaults;
    }

    private static JsonObject Custom(PanelSource panel) =>
        panel.Type switch
        {
            "timeseries" => new JsonObject
            {
                ["drawStyle"] = panel.Kind,
                ["lineWidth"] = 1,
                ["pointSize"] = panel.Kind == "points" ? 7 : 4,
                ["fillOpacity"] =
                    panel.Kind == "bars" ? 70
                    : panel.IsStacked ? 30
                    : 8,
                ["showPoints"] = panel.Kind == "points" ? "always" : "auto",
                ["spanNulls"] = false,
                ["stacking"] = new JsonObject { ["mode"] = panel.IsStacked ? "normal" : "none", ["group"] = "A" },
                ["thresholdsStyle"] = new JsonObject { ["mode"] = panel.Thresholds.Count > 1 && !panel.IsStacked ? "dashed" : "off" },
            },
            "state-timeline" => new JsonObject { ["fillOpacity"] = 70, ["lineWidth"] = 0 },
            _ => new JsonObject(),
        };

    private static JsonObject Options(PanelSource panel)
    {
        var last = new JsonObject
        {
            ["calcs"] = new JsonArray("lastNotNull"),
            ["fields"] = "",
            ["values"] = false,
        };
        var legend = new JsonObject
        {
            ["displayMode"] = "list",
            ["placement"] = "bottom",
            ["showLegend"] = true,
        };
        return panel.Type switch
        {
            "timeseries" => new JsonObject
            {
                ["legend"] = legend,
                ["tooltip"] = new JsonObject { ["mode"] = "multi", ["sort"] = "desc" },
            },
            "stat" => new JsonObject
            {
                ["reduceOptions"] = last,
                ["colorMode"] = "value",
                ["graphMode"] =
                    panel.Queries.Count == 1 && !panel.Queries[0].Expression.Contains("$__range", StringComparison.Ordinal)
                        ? "area"
                        : "none",
                ["textMode"] = panel.TextMode ?? (panel.Queries.Count == 1 ? "value" : "value_and_name"),
                ["justifyMode"] = "auto",
                ["orientation"] = "auto",
            },
            "bargauge" => new JsonObject
            {
                ["reduceOptions"] = last,
                ["displayMode"] = "basic",
                ["orientation"] = "horizontal",
                ["showUnfilled"] = true,
                ["valueMode"] = "color",
            },
            "state-timeline" => new JsonObject
            {
                ["mergeValues"] = true,
                ["showValue"] = "never",
                ["alignValue"] = "left",
                ["rowHeight"] = 0.9,
                ["legend"] = legend,
            },
            "heatmap" => new JsonObject
            {
                ["calculate"] = false,
                ["yAxis"] = new JsonObject { ["unit"] = panel.Unit, ["axisPlacement"] = "left" },
                ["color"] = new JsonObject
                {
                    ["mode"] = "scheme",
                    ["scheme"] = "Oranges",
                    ["steps"] = 64,
                    ["exponent"] = 0.5,
                    ["fill"] = "dark-orange",
                },
                ["cellGap"] = 1,
                ["filterValues"] = new JsonObject { ["le"] = 1e-9 },
                ["legend"] = new JsonObject { ["show"] = true },
                ["tooltip"] = new JsonObject { ["mode"] = "single", ["yHistogram"] = false },
            },
            "table" => new JsonObject { ["showHeader"] = true, ["cellHeight"] = "sm" },
            _ => throw new FormatException($"{panel.Title}: the type {panel.Type} is not known"),
        };
    }

    private static JsonArray Targets(PanelSource panel) =>
        new([
            .. panel.Queries.Select((query, index) => Target(panel, index, query.Expression, query.Legend)),
            .. panel.Columns.Select((column, index) => Target(panel, index, column.Expression, column.Name)),
        ]);

    private static JsonObject Target(PanelSource panel, int index, string expression, string legend)
    {
        var instant = panel.Type is "table" or "bargauge" || expression.Contains("$__range", StringComparison.Ordinal);
        return new JsonObject
        {
            ["refId"] = Reference(index),
            ["datasource"] = Source,
            ["expr"] = expression,
            ["legendFormat"] = legend,
            ["format"] = panel.Type switch
            {
                "table" => "table",
                "heatmap" => "heatmap",
                _ => "time_series",
            },
            ["instant"] = instant,
            ["range"] = !instant,
            ["editorMode"] = "code",
        };
    }

    private static JsonArray Transformations(PanelSource panel)
    {
        var names = new JsonObject();
        var order = new JsonObject();
        foreach (var label in panel.By)
        {
            names[label] = ColumnTitles[label];
            order[label] = order.Count;
        }

        for (var i = 0; i < panel.Columns.Count; i++)
        {
            // Grafana calls the value of a single query "Value".
            var field = panel.Columns.Count == 1 ? "Value" : $"Value #{Reference(i)}";
            names[field] = panel.Columns[i].Name;
            order[field] = order.Count;
        }

        return
        [
            new JsonObject { ["id"] = "merge", ["options"] = new JsonObject() },
            new JsonObject
            {
                ["id"] = "organize",
                ["options"] = new JsonObject
                {
                    ["excludeByName"] = new JsonObject { ["Time"] = true },
                    ["indexByName"] = order,
                    ["renameByName"] = names,
                },
            },
        ];
    }

    private static JsonArray Overrides(PanelSource panel)
    {
        var overrides = new JsonArray();
        foreach (var column in panel.Columns)
        {
            var properties = new JsonArray(Property("unit", column.Unit), Property("noValue", Nothing));
            if (column.IsColored)
            {
                properties.Add((JsonNode)Property("custom.cellOptions", new JsonObject { ["type"] = "color-text" }));
            }
            else
            {
                properties.Add((JsonNode)Property("color", new JsonObject { ["mode"] = "fixed", ["fixedColor"] = "text" }));
            }

            overrides.Add((JsonNode)Override(column.Name, properties));
        }

        if (panel.By.Contains("kn_service_name"))
        {
            overrides.Add(
                (JsonNode)Override(
                    "Service",
                    new JsonArray(
                        Property(
                            "links",
                            new JsonArray(
                                new JsonObject
                                {
                                    ["title"] = "Open the Service",
                                    ["url"] =
                                        "/d/serving-service?${datasource:queryparam}&${__url_time_range}"
                                        + "&var-namespace=${__data.fields.Namespace}&var-service=${__data.fields.Service}",
                                }
                            )
                        )
                    )
                )
            );
        }

        return overrides;
    }

    private static JsonObject Override(string field, JsonArray properties) =>
        new()
        {
            ["matcher"] = new JsonObject { ["id"] = "byName", ["options"] = field },
            ["properties"] = properties,
        };

    private static JsonObject Property(string id, JsonNode value) => new() { ["id"] = id, ["value"] = value };

    private static string Reference(int index) => ((char)('A' + index)).ToString();
}
