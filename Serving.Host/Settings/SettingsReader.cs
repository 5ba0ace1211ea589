using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Options;
using Serving.StatusPages.Sources;

namespace Serving.Host.Settings;

/// <summary>
/// Reads the settings of a command from its command line, else from environment variables (<c>SERVING_RUN__GATEWAYPORT</c>), else from
/// <c>appsettings.json</c> beside the program. Invariant: errors name the setting, and all settings are read before anything starts.
/// </summary>
internal static class SettingsReader
{
    /// <summary>The prefix of environment variables.</summary>
    public const string Prefix = "SERVING_";

    /// <summary>The settings file.</summary>
    public const string FileName = "appsettings.json";

    /// <summary>Reads and validates. Throws <see cref="UserErrorException"/>.</summary>
    /// <param name="section">The section of the command, such as <c>Run</c>.</param>
    /// <param name="parsed">The command line; the Pascal-case name of an option is the name of its setting.</param>
    /// <param name="rules">Validates the settings.</param>
    public static T Read<T>(string section, ParseResult parsed, IValidateOptions<T> rules)
        where T : class, new() => Read(section, Lower(AppContext.BaseDirectory), parsed, rules);

    /// <summary>Reads with other sources below the command line than those of the process.</summary>
    internal static T Read<T>(string section, IConfiguration lower, ParseResult parsed, IValidateOptions<T> rules)
        where T : class, new()
    {
        var values = new ConfigurationBuilder()
            .AddConfiguration(lower)
            .AddInMemoryCollection(Given<T>(section, parsed))
            .Build()
            .GetSection(section);
        Check(ProblemsOf<T>(values));
        var settings = values.Get<T>() ?? new T();
        var result = rules.Validate(section, settings);
        Check(result.Failed ? result.Failures : []);
        return settings;
    }

    /// <summary>The settings that <see cref="Read{T}(string, ParseResult, IValidateOptions{T})"/> returned, and where each comes from; in
    /// the order of their declaration.</summary>
    public static IReadOnlyList<ProcessSetting> Describe<T>(string section, ParseResult parsed, T settings)
        where T : class, new() => Describe(section, Lower(AppContext.BaseDirectory), parsed, settings);

    /// <summary>Describes with other sources below the command line than those of the process.</summary>
    internal static IReadOnlyList<ProcessSetting> Describe<T>(string section, IConfigurationRoot lower, ParseResult parsed, T settings)
        where T : class, new()
    {
        var given = Given<T>(section, parsed).Select(static pair => pair.Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return
        [
            .. typeof(T)
                .GetProperties()
                .Select(setting => new ProcessSetting(
                    OptionOf(setting.Name),
                    TextOf(setting.GetValue(settings)),
                    given.Contains($"{section}:{setting.Name}") ? "command line" : SourceOf(lower, section, setting.Name)
                )),
        ];
    }

    private static string TextOf(object? value) =>
        value is bool flag
            ? flag
                ? "true"
                : "false"
            : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    /// <summary>The last provider that has the setting wins.</summary>
    private static string SourceOf(IConfigurationRoot lower, string section, string name) =>
        lower.Providers.LastOrDefault(provider => provider.TryGet($"{section}:{name}", out _)) switch
        {
            null => ProcessSetting.Default,
            EnvironmentVariablesConfigurationProvider => $"environment: {Prefix}{section.ToUpperInvariant()}__{name.ToUpperInvariant()}",
            FileConfigurationProvider file => file.Source.Path ?? FileName,
            _ => "configuration",
        };

    /// <summary>The sources below the command line.</summary>
    internal static IConfigurationRoot Lower(string folder)
    {
        try
        {
            return new ConfigurationBuilder()
                .AddJsonFile(Path.Combine(folder, FileName), optional: true, reloadOnChange: false)
                .AddEnvironmentVariables(Prefix)
                .Build();
        }
        catch (InvalidDataException wrong)
        {
            throw new UserErrorException(
                $"{Path.Combine(folder, FileName)}: it cannot be read: {(wrong.InnerException ?? wrong).Message}",
                wrong
            );
        }
    }

    /// <summary>The settings on the command line; options that are not settings, such as files to apply, are left out.</summary>
    private static IEnumerable<KeyValuePair<string, string?>> Given<T>(string section, ParseResult parsed)
    {
        foreach (var option in parsed.CommandResult.Command.Options)
        {
            if (typeof(T).GetProperty(NameOf(option.Name)) is { } setting && parsed.GetResult(option) is { Implicit: false } given)
            {
                // A flag without a value is true.
                var text = given.Tokens.Count == 0 ? "true" : string.Join(',', given.Tokens.Select(static token => token.Value));
                yield return new($"{section}:{setting.Name}", text);
            }
        }
    }

    /// <summary>Maps <c>--gateway-port</c> to <c>GatewayPort</c>.</summary>
    private static string NameOf(string option) =>
        string.Concat(
            option.Split('-', StringSplitOptions.RemoveEmptyEntries).Select(static word => char.ToUpperInvariant(word[0]) + word[1..])
        );

    /// <summary>Maps <c>GatewayPort</c> to <c>--gateway-port</c>.</summary>
    private static string OptionOf(string name) =>
        string.Concat(name.Select(static letter => char.IsUpper(letter) ? $"-{char.ToLowerInvariant(letter)}" : $"{letter}"))
            .Insert(0, "-");

    private static IEnumerable<string> ProblemsOf<T>(IConfigurationSection values)
    {
        var settings = typeof(T)
            .GetProperties()
            .ToDictionary(static property => property.Name, static property => property.PropertyType, StringComparer.OrdinalIgnoreCase);
        foreach (var value in values.GetChildren())
        {
            if (!settings.TryGetValue(value.Key, out var type))
            {
                yield return $"{value.Path}: there is no such setting; there are {string.Join(", ", settings.Keys.Order(StringComparer.Ordinal))}.";
            }
            else if (value.Value is null)
            {
                yield return $"{value.Path}: it takes one value, not a list or an object.";
            }
            else if (type == typeof(int) && !int.TryParse(value.Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out _))
            {
                yield return $"{value.Path}: '{value.Value}' is not a whole number.";
            }
            else if (type == typeof(bool) && !bool.TryParse(value.Value, out _))
            {
                yield return $"{value.Path}: '{value.Value}' is neither true nor false.";
            }
        }
    }

    private static void Check(IEnumerable<string> problems)
    {
        if (string.Join(' ', problems) is { Length: > 0 } all)
        {
            throw new UserErrorException(all);
        }
    }
}
