using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Controller.Routes.Traffic;

/// <summary>
/// The progress of traffic to the newest Revisions, stored in an annotation of the Ingress. Sorted by tag, then by Configuration. Revisions
/// of a Configuration are ordered from oldest to newest, and their shares add up to the Configuration's.
/// </summary>
internal sealed record Rollout
{
    /// <summary>No rollout.</summary>
    public static Rollout None { get; } = new();

    [JsonPropertyName("configurations")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ConfigurationRollout>? Written
    {
        get => Configurations.Count > 0 ? Configurations : null;
        init => Configurations = value ?? [];
    }

    [JsonIgnore]
    public IReadOnlyList<ConfigurationRollout> Configurations { get; init; } = [];

    /// <summary>Whether no rollout is in progress.</summary>
    [JsonIgnore]
    public bool Done => Configurations.All(configuration => configuration.Revisions.Count < 2);

    /// <summary>A rollout of these Configurations, sorted.</summary>
    public static Rollout Sorted(IEnumerable<ConfigurationRollout> configurations) =>
        new()
        {
            Configurations =
            [
                .. configurations
                    .OrderBy(configuration => configuration.Tag, StringComparer.Ordinal)
                    .ThenBy(configuration => configuration.ConfigurationName, StringComparer.Ordinal),
            ],
        };

    /// <summary>Parses the annotation; null when it is missing or inconsistent (users can edit it).</summary>
    public static Rollout? Parse(string text)
    {
        if (text.Length == 0)
        {
            return null;
        }

        try
        {
            var rollout = JsonSerializer.Deserialize(text, RolloutJson.Default.Rollout);
            return rollout?.Configurations.All(IsValid) == true ? rollout : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The value of the annotation.</summary>
    public string Serialize() => JsonSerializer.Serialize(this, RolloutJson.Default.Rollout);

    private static bool IsValid(ConfigurationRollout configuration) =>
        configuration.Percent <= 100
        && configuration.StepParams.StepSize >= 0
        && configuration.StepParams.StepSize <= configuration.Percent
        && configuration.Revisions.Sum(revision => revision.Percent) == configuration.Percent;
}

/// <summary>The rollout of one Configuration under one tag.</summary>
internal sealed record ConfigurationRollout
{
    [JsonPropertyName("configurationName")]
    public string ConfigurationName
    {
        get;
        init => field = value ?? "";
    } = "";

    [JsonPropertyName("tag")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? WrittenTag
    {
        get => Tag.Length > 0 ? Tag : null;
        init => Tag = value ?? "";
    }

    [JsonIgnore]
    public string Tag { get; init; } = "";

    /// <summary>Percentage of the Route's traffic that this Configuration gets.</summary>
    [JsonPropertyName("percent")]
    public int Percent { get; init; }

    [JsonPropertyName("revisions")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<RevisionRollout>? WrittenRevisions
    {
        get => Revisions.Count > 0 ? Revisions : null;
        init => Revisions = value ?? [];
    }

    [JsonIgnore]
    public IReadOnlyList<RevisionRollout> Revisions { get; init; } = [];

    [JsonPropertyName("stepParams")]
    public RolloutParameters StepParams
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The pace of a rollout. Times are nanoseconds since 1970.</summary>
internal sealed record RolloutParameters
{
    /// <summary>When the new Revision appeared.</summary>
    [JsonPropertyName("starttime")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long StartTime { get; init; }

    /// <summary>When the next share moves.</summary>
    [JsonPropertyName("nextStepTime")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long NextStepTime { get; init; }

    /// <summary>Nanoseconds between two steps.</summary>
    [JsonPropertyName("stepDuration")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long StepDuration { get; init; }

    /// <summary>Percentage that a step moves.</summary>
    [JsonPropertyName("stepSize")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int StepSize { get; init; }
}

/// <summary>A Revision's share of the Route's traffic, in percent.</summary>
internal sealed record RevisionRollout(
    [property: JsonPropertyName("revisionName")] string RevisionName,
    [property: JsonPropertyName("percent")] int Percent
);

/// <summary>The JSON format of rollouts.</summary>
[JsonSerializable(typeof(Rollout))]
internal sealed partial class RolloutJson : JsonSerializerContext;
