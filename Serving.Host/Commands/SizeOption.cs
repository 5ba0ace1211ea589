using System.CommandLine;
using Serving.Api.Core;

namespace Serving.Host.Commands;

/// <summary>Options that take a number of bytes, written as Kubernetes writes it.</summary>
internal static class SizeOption
{
    /// <summary>An option whose value is refused by name unless it is a size.</summary>
    /// <param name="name">The option's name.</param>
    /// <param name="description">What is that large.</param>
    /// <param name="value">The value when it is not given.</param>
    /// <param name="least">The least that is taken.</param>
    public static Option<string> Create(string name, string description, string value, string least)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && Problem(name, token.Value, least, value) is { } problem)
            {
                result.AddError(problem);
            }
        });
        return option;
    }

    /// <summary>What is wrong with a size; null for nothing.</summary>
    public static string? Problem(string setting, string size, string least, string example) =>
        new Quantity(size).TryGetAmount(out var amount) && amount >= Bytes(least) && amount <= long.MaxValue
            ? null
            : $"{setting}: '{size}' is not a size of at least {least}, such as {example}.";

    /// <summary>The bytes that a size stands for, which was taken.</summary>
    public static long Bytes(string size) =>
        new Quantity(size).TryGetAmount(out var amount) ? (long)amount : throw new FormatException($"'{size}' is not a size");
}
